/** Who is how: online, away, busy or offline. */

import { Changes } from "../lib/changes.js";

const CHANNEL = "presence";

export class Presence extends Changes {
  #service;
  #people = new Map(); // user id -> {status, last_seen}

  constructor(service) {
    super();
    this.#service = service;
    service.on("presence").subscribe(({ payload }) => {
      this.#people.set(payload.user_id, payload);
      this.changed(payload.user_id);
    });
    this.reload();
  }

  /** The state of everybody, as of now. */
  reload() {
    this.#service.subscribe(CHANNEL).subscribe({
      next: ({ snapshot }) => {
        this.#people = new Map(snapshot.users.map((user) => [user.user_id, user]));
        this.changed();
      },
      error: () => {}, // the site lets nobody watch everybody: all look offline
    });
  }

  status(userId) {
    return this.#people.get(userId)?.status ?? "offline";
  }

  isHere(userId) {
    return this.status(userId) !== "offline";
  }
}
