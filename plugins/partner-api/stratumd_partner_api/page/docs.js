"use strict";
(async () => {
  const main = document.querySelector("main"), list = document.querySelector("nav section");
  const make = (tag, text, kind) => {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    if (kind) made.className = kind;
    return made;
  };
  let api;
  try {
    const answer = await fetch("/api/v1/openapi.json", {credentials: "omit"});
    if (!answer.ok) throw new Error(String(answer.status));
    api = await answer.json();
  } catch (error) {
    main.append(make("p", "The description of the API cannot be read: " + error.message + ". Load this page again.", "none"));
    return;
  }
  const schemas = (api.components && api.components.schemas) || {};
  const headers = (api.components && api.components.headers) || {};
  const shared = (api.components && api.components.parameters) || {};
  const ways = (api.components && api.components.securitySchemes) || {};
  const named = (schema) => (schema && schema.$ref ? schema.$ref.split("/").pop() : "");
  const follow = (schema) => (schema && schema.$ref ? schemas[named(schema)] || {} : schema || {});
  const kindOf = (schema) => {
    if (!schema) return "anything";
    if (schema.$ref) return named(schema);
    if (schema.anyOf) return schema.anyOf.map(kindOf).join(" or ");
    if (schema.enum) return schema.enum.map((each) => JSON.stringify(each)).join(" | ");
    if (schema.type === "array") return "list of " + kindOf(schema.items);
    if (schema.type === "object" && schema.additionalProperties) return "object";
    return (schema.format ? schema.format : schema.type) || "anything";
  };
  const sample = (schema, depth) => {
    if (!schema || depth > 5) return null;
    if (schema.$ref) return sample(follow(schema), depth + 1);
    if (schema.anyOf) return sample(schema.anyOf.find((each) => each.type !== "null"), depth);
    if (schema.default !== undefined) return schema.default;
    if (schema.enum) return schema.enum[0];
    if (schema.type === "array") return schema.items ? [sample(schema.items, depth + 1)] : [];
    if (schema.type === "object") {
      const made = {};
      for (const [name, each] of Object.entries(schema.properties || {})) made[name] = sample(each, depth + 1);
      return made;
    }
    if (schema.format === "date-time") return "2026-07-15T15:45:30Z";
    return {string: "…", integer: schema.minimum || 0, number: 0.5, boolean: true}[schema.type] ?? null;
  };
  const rows = (head, body) => {
    const table = make("table"), top = table.createTHead().insertRow(), inside = table.createTBody();
    for (const each of head) top.append(make("th", each));
    for (const cells of body) {
      const row = inside.insertRow();
      for (const cell of cells) row.insertCell().append(cell instanceof Node ? cell : document.createTextNode(cell));
    }
    return table;
  };
  const fields = (schema) => {
    const seen = follow(schema);
    return Object.entries(seen.properties || {}).map(([name, each]) => {
      const label = make("span");
      label.append(make("code", name));
      if ((seen.required || []).includes(name)) label.append(make("span", " *", "need"));
      return [label, make("span", kindOf(each), "kind"), follow(each).description || each.description || ""];
    });
  };
  const bounds = (schema) => {
    const said = [];
    if (schema.minimum !== undefined) said.push("≥ " + schema.minimum);
    if (schema.maximum !== undefined) said.push("≤ " + schema.maximum);
    if (schema.default !== undefined) said.push("default " + JSON.stringify(schema.default));
    return said.length ? "(" + said.join(", ") + ")" : "";
  };
  const asked = (op) => (op.parameters || []).map((each) => (each.$ref ? shared[named(each)] || {} : each));
  const beside = (answer) => Object.entries(answer.headers || {}).map(([name, each]) => {
    const header = each.$ref ? headers[named(each)] || {} : each;
    return [make("code", name), make("span", kindOf(header.schema), "kind"), header.description || ""];
  });
  const inside = (verb, path, op) => {
    const box = make("div", undefined, "inside"), tags = make("div", undefined, "tags");
    if (op.deprecated) tags.append(make("span", "deprecated", "old"));
    for (const way of op.security || []) tags.append(make("span", "by " + Object.keys(way).join(" and ")));
    if (op["x-scope"]) tags.append(make("span", "scope " + op["x-scope"]));
    if (!(op.security || []).length) tags.append(make("span", "open to everybody"));
    box.append(tags);
    if (op.description) box.append(make("p", op.description));
    if (asked(op).length) {
      box.append(make("h5", "Parameters"));
      box.append(rows(["name", "type", "meaning"], asked(op).map((each) => {
        const label = make("span");
        label.append(make("code", each.name));
        if (each.required) label.append(make("span", " *", "need"));
        if (each.in === "header") label.append(make("span", " header", "kind"));
        const text = [each.description || "", bounds(each.schema || {})].filter(Boolean).join(" ");
        return [label, make("span", kindOf(each.schema), "kind"), text];
      })));
    }
    const body = op.requestBody && Object.values(op.requestBody.content)[0];
    if (body && body.schema) {
      box.append(make("h5", "Body"));
      box.append(rows(["field", "type", "meaning"], fields(body.schema)));
    }
    for (const [status, answer] of Object.entries(op.responses || {})) {
      if (status === "default") continue;
      const content = Object.entries(answer.content || {})[0];
      box.append(make("h5", "Answer " + status + (content ? " · " + content[0] : "")));
      const told = content && content[1].schema ? fields(content[1].schema) : [], said = beside(answer);
      if (!content || !content[1].schema) box.append(make("p", "No body.", "none"));
      if (told.length) box.append(rows(["field", "type", "meaning"], told));
      if (content && content[0].includes("json") && told.length) {
        box.append(make("pre", JSON.stringify(sample(content[1].schema, 0), null, 2)));
      }
      if (said.length) {
        const more = make("details");
        more.append(make("summary", said.length + " headers", "kind"), rows(["header", "type", "meaning"], said));
        box.append(more);
      }
    }
    const wanted = asked(op).filter((each) => each.required && each.in === "query");
    const query = wanted.length ? "?" + wanted.map((each) => each.name + "=…").join("&") : "";
    const lines = ["curl" + (verb === "get" ? "" : " -X " + verb.toUpperCase())];
    const way = Object.keys((op.security || [{}])[0] || {})[0];
    if (way) lines.push("-H 'Authorization: Bearer " + (ways[way].bearerFormat || "strm_sess_…") + "'");
    if (body && body.schema) lines.push("--json '" + JSON.stringify(sample(body.schema, 0)) + "'");
    lines.push("'" + location.origin + path + query + "'");
    box.append(make("h5", "Try it"), make("pre", lines.join(" \\\n  ")));
    return box;
  };
  const groups = new Map();
  for (const [path, verbs] of Object.entries(api.paths)) {
    for (const [verb, op] of Object.entries(verbs)) {
      const tag = (op.tags || ["Other"])[0];
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push([verb, path, op]);
    }
  }
  const opened = (card) => {
    const shut = card.querySelector(".inside");
    if (shut) { shut.hidden = !shut.hidden; } else { card.append(inside(...card.told)); }
    const now = card.querySelector(".inside");
    card.querySelector(".head").setAttribute("aria-expanded", String(!now.hidden));
  };
  document.querySelector("nav p").textContent = "Version " + api.info.version;
  const cards = [];
  // What partners call with their keys comes first, what only staff may call last.
  const rank = (ops) => Math.min(...ops.map(([, , op]) => {
    const ways = (op.security || []).flatMap((each) => Object.keys(each));
    return ways.includes("key") ? 0 : !ways.length || ways.includes("session") ? 1 : 2;
  }));
  for (const [tag, ops] of [...groups].sort((one, other) => rank(one[1]) - rank(other[1]))) {
    const section = make("section"), ul = make("ul"), heading = make("h2", tag);
    section.append(make("h3", tag));
    list.append(heading, ul);
    for (const [verb, path, op] of ops) {
      const card = make("article"), head = make("button", undefined, "head"), title = make("h4");
      card.id = op.operationId;
      card.told = [verb, path, op];
      head.type = "button";
      head.setAttribute("aria-expanded", "false");
      head.append(make("span", verb.toUpperCase(), "verb " + verb), make("span", path, "path"), make("span", op.summary, "say"));
      head.addEventListener("click", () => opened(card));
      title.append(head);
      card.append(title);
      section.append(card);
      const item = make("li"), link = make("a", op.summary);
      link.href = "#" + op.operationId;
      link.title = verb.toUpperCase() + " " + path;
      link.addEventListener("click", () => { if (!card.querySelector(".inside:not([hidden])")) opened(card); });
      item.append(link);
      ul.append(item);
      cards.push([card, item, (verb + " " + path + " " + op.summary + " " + tag).toLowerCase()]);
    }
    main.append(section);
  }
  document.querySelector("nav input").addEventListener("input", (event) => {
    const wanted = event.target.value.trim().toLowerCase();
    for (const [card, item, text] of cards) card.hidden = item.hidden = !text.includes(wanted);
    for (const each of document.querySelectorAll("main section")) each.hidden = !each.querySelector("article:not([hidden])");
  });
  const first = location.hash && document.getElementById(location.hash.slice(1));
  if (first && first.told) { opened(first); first.scrollIntoView(); }
})();
