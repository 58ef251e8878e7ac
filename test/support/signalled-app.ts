/** A process with an app, for tests that send it signals. Prints its port, and what it is at. */
import { Controller, createApp, Message, WebSocket } from 'halyard';

@Controller('work')
class Work {
  @WebSocket()
  async work(message: Message): Promise<string> {
    process.stdout.write('working\n');
    if (message.text() === 'stuck') await new Promise(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 100));
    return 'done';
  }
}

const app = await createApp({
  controllers: [Work],
  logger: false,
  signals: !process.argv.includes('no-signals'),
  shutdown: { timeout: '1h' },
  closeTimeout: '1h',
});
const { port } = await app.listen({ port: 0, host: '127.0.0.1' });
if (process.argv.includes('listening')) process.on('SIGTERM', () => process.stdout.write('signalled\n'));
process.stdout.write(`${port}\n`);
