/**
 * A cluster of three nodes, `primary`, `1` and `2`, for a test that commands them: lines of its standard input, as
 * `1 publish 100`, are for one of them, and what they print begins with who it is.
 * With `no-relay` as argument the primary calls no `clusterBroker`.
 */
import cluster, { type Worker } from 'node:cluster';
import { createHash } from 'node:crypto';
import { createInterface } from 'node:readline';
import { clusterBroker } from 'halyard';

const me = cluster.isPrimary ? 'primary' : process.env['NAME']!;
const isNode = cluster.isWorker || process.argv[2] !== 'no-relay';
const broker = isNode ? clusterBroker() : undefined;
const print = (text: string): void => void process.stdout.write(`${me} ${text}\n`);

let heard: string[] = [];
const commands: Record<string, (argument: string) => Promise<void> | void> = {
  /** So many at once. */
  publish: async (count) => {
    await Promise.all(Array.from({ length: Number(count) }, (_, n) => broker!.publish('s', Buffer.from(`${me}:${n}`))));
    print('published');
  },
  /** So many megabytes, one after the other. */
  flood: async (megabytes) => {
    for (let n = 0; n < Number(megabytes); n++) await broker!.publish('flood', Buffer.alloc(1024 ** 2));
    print(`flooded ${Math.round(process.memoryUsage().rss / 1024 ** 2)}`);
  },
  /** Prints what it has heard, in short, once it is so much. */
  digest: async (count) => {
    while (heard.length < Number(count)) await new Promise((resolve) => setTimeout(resolve, 5));
    print(`digest ${heard.length} ${createHash('sha256').update(heard.join()).digest('hex')}`);
    heard = [];
  },
  memory: () => print(`memory ${Math.round(process.memoryUsage().rss / 1024 ** 2)}`),
  reason: () => print(`reason ${broker!.health().reason}`),
  fork: (name) => fork(name),
};

function fork(name: string): void {
  const worker = cluster.fork({ NAME: name });
  worker.on('exit', (code, signal) => print(`lost ${name} ${signal ?? code}`));
  workers.set(name, worker);
}
const workers = new Map<string, Worker>();

function obey(line: string): void {
  const [name = '', argument = ''] = line.split(' ');
  void commands[name]!(argument);
}

broker?.onLink((state) => print(`link ${state}`));
const ready = async (): Promise<void> => {
  await broker?.subscribe('s', (data) => heard.push(Buffer.from(data).toString()));
  await broker?.subscribe('flood', () => undefined);
  print(`ready ${process.pid}`);
};
if (cluster.isPrimary) {
  createInterface(process.stdin).on('line', (line) => {
    const [name = '', ...rest] = line.split(' ');
    if (name === me) obey(rest.join(' '));
    else workers.get(name)!.send(rest.join(' '));
  });
  fork('1');
  fork('2');
} else {
  process.on('message', (message) => {
    if (typeof message === 'string') obey(message);
  });
}
ready().catch((error: unknown) => print(`failed ${String((error as Error).cause ?? error)}`));
