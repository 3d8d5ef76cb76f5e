// In one process, which starts each browser once.
import './compression.ts';
import './nodes.ts';
