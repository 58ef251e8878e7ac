import { playSeeds } from './play-seeds.js';

playSeeds('R-chaos-nats after any fault: no ghost, no silent loss, publications in the order of each node', 'nats');
