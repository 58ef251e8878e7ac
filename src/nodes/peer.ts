/** Another instance that is alive. */
export class Peer {
  /** When it was last heard of. */
  heardAtMs = 0;

  constructor(
    readonly incarnation: string,
    /** What it is called. */
    public name: string,
    /** How often its link has come up. */
    public generation: number,
  ) {}
}
