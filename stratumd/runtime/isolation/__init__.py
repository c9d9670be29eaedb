"""Components in a process of their own: code that may not return, leak, print or exit harms nobody but itself."""
