/** Mistakes in WebSocket endpoints: options that contradict each other, the path or the parameters. */
import { connectionOptionsOf, type MessageOptions, type Order } from '../connection/options.js';
import type { ParameterSpec } from '../pipeline/parameters.js';
import type { Mode } from '../pipeline/route.js';
import { isReservedEvent } from '../protocol/plain.js';
import { Inbox } from '../styles/inbox.js';
import type { ScanContext, ScannedEndpoint, ScannedMethod } from './scan-context.js';

/** What can be said of an endpoint before others of its path are known. */
export function checkMessageOptions(scan: ScanContext, handler: string, { event, order }: MessageOptions): void {
  if (event !== undefined && (typeof event !== 'string' || isReservedEvent(event))) {
    scan.report(
      'HALYARD_BOOT_EVENT',
      handler,
      `the event name ${JSON.stringify(event)} is empty or reserved`,
      "reply, error, end, dropped, gap and presence_… are the protocol's own: choose another",
    );
  }
  if (order !== undefined && !isOrder(order)) {
    scan.report(
      'HALYARD_BOOT_OPTIONS',
      handler,
      `order ${JSON.stringify(order)} is not valid`,
      "'serial', 'latest' or { concurrent: n } with n from 1",
    );
  }
}

/** @param alone no other endpoint has its path */
export function checkEndpoint(scan: ScanContext, endpoint: ScannedEndpoint, mode: Mode, alone: boolean): void {
  if (!alone) checkShared(scan, endpoint);
  checkEvents(scan, endpoint, mode, alone);
  checkSendOnly(scan, endpoint, mode, alone);
  checkInbox(scan, endpoint, mode, alone);
  checkSender(scan, endpoint, mode);
}

/** Several endpoints share a connection: what belongs to it must stand on the controller. */
function checkShared(scan: ScanContext, endpoint: ScannedEndpoint): void {
  const misplaced = Object.keys(connectionOptionsOf(endpoint.options));
  if (misplaced.length > 0) {
    scan.report(
      'HALYARD_BOOT_OPTIONS',
      endpoint.handler,
      `${misplaced.join(', ')} belongs to the connection, and other endpoints share its path`,
      'put it into the options of @Controller',
    );
  }
  scan.refuseComponents(
    endpoint,
    ['middleware', 'observer'],
    'the path has several endpoints, and the upgrade knows none of them',
  );
}

function checkEvents(scan: ScanContext, { handler, options }: ScannedEndpoint, mode: Mode, alone: boolean): void {
  if (!options.events || (alone && options.event === undefined && mode !== 'sendOnly')) return;
  scan.report(
    'HALYARD_BOOT_OPTIONS',
    handler,
    'an endpoint of events takes all messages of its path',
    'make it the only endpoint of its path, without `event` and not sendOnly',
  );
}

function checkSendOnly(scan: ScanContext, endpoint: ScannedEndpoint, mode: Mode, alone: boolean): void {
  if (mode !== 'sendOnly') return;
  const { handler, options } = endpoint;
  if (!alone || options.event !== undefined) {
    scan.report(
      'HALYARD_BOOT_OPTIONS',
      handler,
      'a sendOnly endpoint takes no messages',
      'make it the only endpoint of its path, without `event`',
    );
  }
  const reason = 'a sendOnly endpoint takes no messages, so there is no body';
  refuseBody(scan, endpoint, reason, 'leave it out, or use mode twoWay');
}

/** It runs once and takes all that comes: nothing can say what it is to be called for. */
function checkInbox(scan: ScanContext, endpoint: ScannedEndpoint, mode: Mode, alone: boolean): void {
  const { handler, options } = endpoint;
  const inbox = inboxOf(endpoint);
  if (inbox === -1) return;
  const refuse = (reason: string, fix: string): void => scan.report('HALYARD_BOOT_INBOX', handler, reason, fix, inbox);
  if (!alone) {
    refuse(
      'an Inbox takes all that comes for its connection, and other endpoints share the path',
      'give it a path alone',
    );
  }
  const calling = (['event', 'events', 'order', 'triggerOnConnect'] as const).filter((name) => options[name]);
  if (calling.length > 0) {
    const names = calling.join(', ');
    refuse(
      `${names} says when an endpoint is called, and with an Inbox it runs as long as the connection`,
      'leave it out',
    );
  }
  if (mode === 'sendOnly') refuse('on a sendOnly path nothing comes', 'leave the Inbox out, or use mode twoWay');
  refuseBody(scan, endpoint, 'messages come to the Inbox, so there is no body', 'read them: await inbox.receive()');
}

export function checkSender(scan: ScanContext, { handler, parameters }: ScannedMethod, mode: Mode): void {
  const sender = parameterOf(parameters, scan.options.sender);
  if (mode !== 'receiveOnly' || sender === -1) return;
  scan.report(
    'HALYARD_BOOT_SENDER',
    handler,
    'on a receiveOnly path nothing is sent',
    'leave the Sender out, or use mode twoWay',
    sender,
  );
}

/** The index of an endpoint's `Inbox`; -1: it has none. */
export function inboxOf({ parameters }: ScannedMethod): number {
  return parameterOf(parameters, Inbox);
}

function parameterOf(parameters: readonly ParameterSpec[], type: unknown): number {
  return parameters.findIndex((spec) => spec?.from === 'value' && spec.type === type);
}

function refuseBody(scan: ScanContext, { handler, parameters }: ScannedMethod, reason: string, fix: string): void {
  const body = parameters.findIndex((spec) => spec?.from === 'body');
  if (body !== -1) scan.report('HALYARD_BOOT_BIND', handler, reason, fix, body);
}

function isOrder(order: Order): boolean {
  if (order === 'serial' || order === 'latest') return true;
  return typeof order === 'object' && order !== null && Number.isSafeInteger(order.concurrent) && order.concurrent > 0;
}
