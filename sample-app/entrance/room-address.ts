import { Matches } from 'class-validator';

/** The address of a room, `/rooms/:room`, and of its board, `/board/:room`. */
export class RoomAddress {
  @Matches(/^[\p{L}\p{N}_-]{1,40}$/u, { message: 'A room has a name of 1 to 40 letters, digits, - and _' })
  room!: string;
}
