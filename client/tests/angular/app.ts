/** An application that uses the package as its users do. */

import { AsyncPipe } from "@angular/common";
import { Component, inject, signal } from "@angular/core";

import { ConnectionStatus } from "@socialhub/realtime";
import { WebSocketService } from "@socialhub/realtime/angular";

@Component({
  selector: "app-root",
  imports: [AsyncPipe],
  template: `
    @switch (realtime.status$ | async) {
      @case (Status.CONNECTED) { <p id="status">Live</p> }
      @case (Status.RECONNECTING) { <p id="status">Reconnecting…</p> }
      @default { <p id="status">Connecting…</p> }
    }
    <p id="latest">{{ latest() }}</p>
  `,
})
export class App {
  readonly Status = ConnectionStatus;
  readonly realtime = inject(WebSocketService);
  readonly latest = signal("nothing yet");

  constructor() {
    this.realtime.connect();
    this.realtime.on("notification").subscribe(({ payload }) => this.latest.set(payload.message));
  }
}
