"""Accounts, entitlements, sessions, second factors, keys, watchlists and Discord connections."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

_TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
_WHOLE = sa.BigInteger()


def _table(name: str, key: str, texts: str = "", wholes: str = "", nullable: str = "", whole_keys: str = "") -> None:
    """Create a table from the names of its columns, separated by spaces."""
    kinds: dict[str, Any] = dict.fromkeys(f"{key} {texts}".split(), _TEXT)
    kinds |= dict.fromkeys(f"{whole_keys} {wholes}".split(), _WHOLE)
    keys = f"{key} {whole_keys}".split()
    op.create_table(
        name,
        *[
            sa.Column(each, kind, nullable=each in nullable.split(), autoincrement=False)
            for each, kind in kinds.items()
        ],
        sa.PrimaryKeyConstraint(*keys),
    )


def upgrade() -> None:
    _table("accounts_accounts", "id", "email password role status", "created_at")
    op.create_index("accounts_accounts_by_email", "accounts_accounts", ["email"], unique=True)
    _table("accounts_entitlements", "account kind", "plan source", "until since", "until")
    _table("accounts_sessions", "id", "account hash second client", "created_at expires_at fresh_until")
    op.create_index("accounts_sessions_by_account", "accounts_sessions", ["account"])
    op.create_index("accounts_sessions_by_hash", "accounts_sessions", ["hash"], unique=True)
    _table("accounts_uses", "credential", "", "at")
    _table("accounts_totp", "account", "sealed", "last_step confirmed_at", "confirmed_at")
    _table("accounts_recovery", "account hash")
    _table("accounts_tokens", "hash", "purpose account email password", "expires_at")
    op.create_index("accounts_tokens_by_email", "accounts_tokens", ["email"])
    _table(
        "accounts_keys", "id", "account name hash scopes successor", "created_at expires_at revoked_at",
        "successor expires_at revoked_at",
    )  # fmt: skip
    op.create_index("accounts_keys_by_account", "accounts_keys", ["account"])
    op.create_index("accounts_keys_by_hash", "accounts_keys", ["hash"], unique=True)
    _table("accounts_watched", "account event", "", "added_at")
    _table("accounts_discord", "id", "account via sealed name channel types status", "min_strength created_at")
    op.create_index("accounts_discord_by_account", "accounts_discord", ["account"])
    _table("accounts_discord_cursors", "connection", "", "sequence")
    _table("accounts_oauth_states", "hash", "session account sealed", "expires_at")
    _table("accounts_tries", "subject", "", "tries", whole_keys="expires_at")
    _table("accounts_versions", "name", "", "number")
    _table("accounts_leases", "name", "owner", "until")
