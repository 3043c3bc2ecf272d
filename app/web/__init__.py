"""The face: pages, fragments, the JSON API and the live event streams."""
