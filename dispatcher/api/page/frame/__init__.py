"""What all pages share: how a template is rendered, which words it uses, its files, and pages for errors."""
