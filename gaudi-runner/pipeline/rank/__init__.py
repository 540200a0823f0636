"""One process of the group: the others, the runner, the system it runs on."""
