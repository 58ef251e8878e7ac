import { channel } from 'node:diagnostics_channel';

/**
 * Events for monitoring tools, on Node's `diagnostics_channel`. Nothing is made where nobody has subscribed.
 *
 * | channel | message |
 * | --- | --- |
 * | `halyard.connection.open` | `{ connection }` |
 * | `halyard.connection.close` | `{ connection, info }` |
 * | `halyard.message` | `{ context }`, before it is handled |
 * | `halyard.error` | `{ error, context, stage }` |
 * | `halyard.drop` | `{ context, dropped }` |
 */
export const diagnostics = {
  open: channel('halyard.connection.open'),
  close: channel('halyard.connection.close'),
  message: channel('halyard.message'),
  error: channel('halyard.error'),
  drop: channel('halyard.drop'),
};
