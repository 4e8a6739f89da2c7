"""The web page: HTML that the server renders from the same calls that the API makes."""
