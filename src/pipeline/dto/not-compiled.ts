/** Why a DTO goes through the libraries. Thrown while it is compiled, and caught there. */
export class NotCompiled extends Error {
  constructor(where: string, reason: string) {
    super(`${where}: ${reason}`);
  }
}
