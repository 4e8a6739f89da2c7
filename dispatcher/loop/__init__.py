"""The event loop and its services: claims and reports, the lease, cancels, and what is cleaned up meanwhile."""
