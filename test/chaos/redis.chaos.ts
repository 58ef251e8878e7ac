import { playSeeds } from './play-seeds.js';

playSeeds('R-chaos-redis after any fault: no ghost, no silent loss, one order of publications', 'redis');
