/** How a connection ended, or an HTTP exchange (`code` is then the status). */
export class CloseInfo {
  constructor(
    /** The close code that was sent or received; 1006: none, the socket broke or was ended. */
    readonly code: number,
    readonly reason: string,
    /** Both sides' close frames went through. */
    readonly wasClean: boolean,
  ) {}
}
