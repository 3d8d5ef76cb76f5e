import { digestOfRun } from '../../packaging/project/world.js';

globalThis.page = { digestOfRun };
