"""Back room: content packs and definitions, read from package data or a directory."""
