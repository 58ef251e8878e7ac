import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/**
 * The write below `net.Socket`, on the TCP handle itself, without the two microseconds of `Writable`: no state of a stream,
 * no request object and no `process.nextTick` for a write that the operating system takes at once, which almost all do.
 *
 * Node has no public interface for it. What is used is the binding that `net.Socket` calls, which is the same in all
 * releases in `knownReleases`; in any other, and where the binding is forbidden (`--permission`), `socket.write` is used.
 */
interface StreamBinding {
  readonly WriteWrap: new () => WriteRequest;
  /** Of the last write of the process. */
  readonly streamBaseState: ArrayLike<number>;
  /** Index into `streamBaseState`: 0 when the write was taken whole at once. */
  readonly kLastWriteWasAsync: number;
}

interface WriteRequest {
  oncomplete?: (this: WriteRequest, status: number) => void;
  /** Kept alive until the write has ended. */
  buffer?: Uint8Array;
  owner?: DirectWriteOwner;
}

/** The handle of a plain TCP socket: that of TLS takes only one write at a time. */
export interface TcpHandle {
  /** @returns 0, or the negated errno; undefined, when the handle is gone */
  writeBuffer(request: WriteRequest, bytes: Uint8Array): number | undefined;
}

/** Who is told that a write has ended that had to wait. */
export interface DirectWriteOwner {
  directWriteEnded(failed: boolean): void;
}

/** Major versions of Node with which the suites of `test/conformance` were run. */
const knownReleases: readonly string[] = ['20', '22', '24', '26'];

const binding = findBinding();
const lastWrite = binding?.streamBaseState ?? [];
const wasAsync = binding?.kLastWriteWasAsync ?? 0;
/** One for all writes, as long as none of them has to wait. */
let request = binding && new binding.WriteWrap();

/** What writes to the socket directly, where that can be done. */
export function tcpHandleOf(socket: Duplex): TcpHandle | undefined {
  if (binding === undefined || !(socket instanceof Socket)) return undefined;
  const { _handle: handle } = socket as Socket & { readonly _handle?: TcpHandle | null };
  return handle?.constructor.name === 'TCP' ? handle : undefined;
}

/** What became of it: `refused` bytes were not written, and a write of the socket's own will say why. */
export type DirectWrite = 'taken' | 'waits' | 'refused';

/** Writes to a socket whose `Writable` holds nothing. The owner is told when a write that `waits` has ended. */
export function writeDirectly(handle: TcpHandle, bytes: Uint8Array, owner: DirectWriteOwner): DirectWrite {
  const used = request!;
  const status = handle.writeBuffer(used, bytes);
  if (status === 0 && lastWrite[wasAsync] === 0) return 'taken';
  request = new binding!.WriteWrap();
  if (status !== 0) return 'refused';
  used.oncomplete = onComplete;
  used.buffer = bytes;
  used.owner = owner;
  return 'waits';
}

function onComplete(this: WriteRequest, status: number): void {
  this.owner!.directWriteEnded(status < 0);
}

function findBinding(): StreamBinding | undefined {
  if (!knownReleases.includes(process.versions.node.split('.')[0]!)) return undefined;
  try {
    const { binding: find } = process as unknown as { binding?: (name: string) => Partial<StreamBinding> };
    const found = find?.call(process, 'stream_wrap');
    const isKnown =
      typeof found?.WriteWrap === 'function' &&
      typeof found.kLastWriteWasAsync === 'number' &&
      found.streamBaseState?.[found.kLastWriteWasAsync] !== undefined;
    return isKnown ? (found as StreamBinding) : undefined;
  } catch {
    return undefined;
  }
}
