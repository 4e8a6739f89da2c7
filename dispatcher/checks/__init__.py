"""What `dispatcher check` looks at, a module for each subject; nothing here changes anything but temporary files."""
