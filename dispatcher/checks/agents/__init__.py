"""What `dispatcher check` looks at of agent CLIs and their accounts: programs, logins, config homes, sandboxes."""
