"""The HTTP API and the web page. They take no decision: each request calls SQL functions in the name of its token."""
