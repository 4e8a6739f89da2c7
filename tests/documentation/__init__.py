"""The documentation: what writes its generated pages, and what holds that all of it is true."""
