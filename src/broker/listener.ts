import { textOf } from '../errors.js';

/**
 * What a listener throws is not the next listener's to suffer, nor the engine client's, whose parser it would leave in the
 * middle of a message: it becomes a warning of the process.
 */
export function callListener<T>(listener: (value: T) => void, value: T): void {
  try {
    listener(value);
  } catch (error) {
    const detail = error instanceof Error ? { detail: error.stack ?? '' } : {};
    process.emitWarning(`a listener of a broker threw: ${textOf(error)}`, { code: 'HALYARD_LISTENER', ...detail });
  }
}
