/** The client as an Angular service: `provideRealtime()`, then `inject(WebSocketService)`. */

import {
  Injectable,
  InjectionToken,
  inject,
  makeEnvironmentProviders,
  type EnvironmentProviders,
  type OnDestroy,
} from "@angular/core";

import { WebSocketService as Service, type Options } from "./index.js";

/** The options of the `WebSocketService`. */
export const REALTIME_OPTIONS = new InjectionToken<Options>("REALTIME_OPTIONS");

/** `WebSocketService`, one for the application, disconnected when it is destroyed. */
@Injectable()
export class WebSocketService extends Service implements OnDestroy {
  constructor() {
    super(inject(REALTIME_OPTIONS));
  }

  ngOnDestroy(): void {
    this.disconnect();
  }
}

/**
 * Provide `WebSocketService`.
 *
 * @param options the options, or a function that makes them and may `inject()`, as for `getToken`.
 */
export function provideRealtime(options: Options | (() => Options) = {}): EnvironmentProviders {
  const useFactory = typeof options === "function" ? options : () => options;
  return makeEnvironmentProviders([{ provide: REALTIME_OPTIONS, useFactory }, WebSocketService]);
}
