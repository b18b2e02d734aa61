/** The user's own menu: their status as others see it. */

import { byId } from "../lib/dom.js";
import { closesByItself } from "../lib/menu.js";
import { showAvatar } from "../lib/people.js";

export class AccountMenu {
  constructor({ me, presence, service }) {
    const avatar = byId("account").querySelector("[data-avatar-of]");
    showAvatar(avatar, me.display_name, me.id);
    closesByItself(byId("account"));
    const choices = [...byId("status-choice").querySelectorAll("input")];
    for (const input of choices) {
      input.addEventListener("change", () => service.setPresence(input.value));
    }
    presence.onChange(() => {
      for (const input of choices) input.checked = input.value === presence.status(me.id);
    });
    byId("sign-out").addEventListener("submit", () => service.disconnect());
  }
}

/** Keep every dot on the page as the people are. */
export function followPresence(presence) {
  presence.onChange((userId) => {
    const which = userId === undefined ? "[data-presence-of]" : `[data-presence-of="${CSS.escape(userId)}"]`;
    for (const dot of document.querySelectorAll(which)) {
      dot.dataset.status = presence.status(dot.dataset.presenceOf);
    }
  });
}
