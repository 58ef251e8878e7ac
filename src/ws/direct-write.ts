import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { getSystemErrorName } from 'node:util';

/**
 * The write below `net.Socket`, on the TCP handle itself, without the microsecond and more of `Writable`: no state of a stream,
 * no request object and no `process.nextTick` for a write that the operating system takes at once, which almost all do.
 *
 * Node has no public interface for it. What is used is the binding that `net.Socket` itself calls; where it may not be what
 * we know, or is forbidden, frames go through `socket.write`.
 */
interface StreamBinding {
  readonly WriteWrap: new () => WriteRequest;
  /** Of this thread. */
  readonly streamBaseState: ArrayLike<number>;
  /** Index into `streamBaseState`: 0 there when the latest write was taken whole at once. */
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

/** Who is told how a write has ended that had to wait. */
export interface DirectWriteOwner {
  /** @param status 0, or the negated errno; ECANCELED, when the socket was destroyed meanwhile */
  directWriteEnded(status: number): void;
}

/** Major versions of Node with which the tests of frames, resets and slow readers have passed. */
const knownReleases: readonly string[] = ['20', '22', '24', '26'];

const writeMethods = ['write', '_write', '_writev'] as const;

const binding = findBinding();
const streamState = binding?.streamBaseState ?? [];
const wasAsyncIndex = binding?.kLastWriteWasAsync ?? 0;
/** A write takes it, and gives it back unless it has to wait. */
let spareRequest: WriteRequest | undefined;

/** What writes to the socket directly, where that can be done, and nobody has put something of his own into its way. */
export function tcpHandleOf(socket: Duplex): TcpHandle | undefined {
  if (binding === undefined || !(socket instanceof Socket)) return undefined;
  for (const name of writeMethods) if (socket[name] !== Socket.prototype[name]) return undefined;
  const { _handle: handle } = socket as Socket & { readonly _handle?: TcpHandle | null };
  return handle?.constructor.name === 'TCP' ? handle : undefined;
}

/**
 * Writes in front of whatever the socket's `Writable` may hold: the caller sees to it that it holds nothing.
 * @returns 0, when the operating system has taken all; 1, when some of it has to wait, and the owner will be told; else why
 *   nothing was written: the negated errno, or undefined, when the handle is gone
 */
export function writeDirectly(handle: TcpHandle, bytes: Uint8Array, owner: DirectWriteOwner): number | undefined {
  const request = spareRequest ?? new binding!.WriteWrap();
  // Not while it may be in use: a hook of `async_hooks` that is run by a write may write as well.
  spareRequest = undefined;
  const status = handle.writeBuffer(request, bytes);
  if (status !== 0) return status;
  if (streamState[wasAsyncIndex] === 0) {
    spareRequest = request;
    return 0;
  }
  request.oncomplete = onComplete;
  request.buffer = bytes;
  request.owner = owner;
  return 1;
}

/** As a write of the socket's own would have failed. */
export function writeError(status: number | undefined): Error {
  const code = status === undefined ? 'EBADF' : getSystemErrorName(status);
  return Object.assign(new Error(`write ${code}`), { code, errno: status, syscall: 'write' });
}

function onComplete(this: WriteRequest, status: number): void {
  this.owner!.directWriteEnded(status);
}

function findBinding(): StreamBinding | undefined {
  const { versions, env, noDeprecation = false } = process;
  if (!knownReleases.includes(versions.node.split('.')[0]!) || env['HALYARD_DIRECT_WRITES'] === '0') return undefined;
  try {
    // `--pending-deprecation` would tell users of a call that is not theirs, and throw it with `--throw-deprecation`.
    process.noDeprecation = true;
    const { binding: find } = process as unknown as { binding?: (name: string) => Partial<StreamBinding> };
    const found = find?.call(process, 'stream_wrap');
    const isKnown =
      typeof found?.WriteWrap === 'function' &&
      typeof found.kLastWriteWasAsync === 'number' &&
      found.streamBaseState?.[found.kLastWriteWasAsync] !== undefined;
    return isKnown ? (found as StreamBinding) : undefined;
  } catch {
    // `--permission` forbids it.
    return undefined;
  } finally {
    process.noDeprecation = noDeprecation;
  }
}
