import { Inject, Injectable, type Context, type Guard } from 'halyard';

export const STAFF_KEY = Symbol('STAFF_KEY');

/** The room "staff" is for those who have the key. It does not matter to a guard whether they come by WebSocket or HTTP. */
@Injectable()
export class StaffOnly implements Guard {
  constructor(@Inject(STAFF_KEY) private readonly key: string) {}

  canActivate({ request }: Context): boolean {
    return request.params['room'] !== 'staff' || request.query['key'] === this.key;
  }
}
