"""The process of one agent: how it is started, held, signaled and waited for."""
