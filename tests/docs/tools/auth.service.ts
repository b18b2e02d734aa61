// The reader's own, which docs name as `./auth.service`.
import type { Observable } from "rxjs";

export declare class AuthService {
  freshToken(): Observable<string>;
}
