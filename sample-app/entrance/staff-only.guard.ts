import { Inject, Injectable, type Context, type Guard } from 'halyard';

export const STAFF_KEY = Symbol('STAFF_KEY');

/** For those who have the key. It does not matter to a guard whether they come by WebSocket or HTTP. */
@Injectable()
export class StaffOnly implements Guard {
  constructor(@Inject(STAFF_KEY) private readonly key: string) {}

  canActivate({ request }: Context): boolean {
    return request.query['key'] === this.key;
  }
}

/** The room "staff" is for those who have the key, all others are open to everybody. */
@Injectable()
export class StaffRoom extends StaffOnly {
  override canActivate(context: Context): boolean {
    return context.request.params['room'] !== 'staff' || super.canActivate(context);
  }
}
