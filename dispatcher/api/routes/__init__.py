"""The routes of the API, a file for each resource. A handler calls one SQL function and returns its rows."""
