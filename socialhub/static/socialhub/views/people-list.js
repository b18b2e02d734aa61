/** A list of people that can be searched: how they are, to be written to and followed. */

import { fromTemplate, part, setText } from "../lib/dom.js";
import { batched } from "../lib/changes.js";
import { KeyedList } from "../lib/keyed-list.js";
import { addDot, showAvatar, STATUS_LABELS } from "../lib/people.js";
import { goTo } from "../lib/router.js";
import { reason } from "../lib/rest.js";
import { toast } from "../lib/say.js";

const PAUSE_MS = 250; // after the last key, before it is searched
const PAGE_SIZE = 50;

export class PeopleList {
  #context;
  #list;
  #search;
  #note;
  #people = [];
  #asked = 0;
  #timer = 0;

  /**
   * @param {{list: Element, search: Element, note?: Element}} elements
   * @param {{following: boolean}} options whether people can be followed here.
   */
  constructor(context, { list, search, note }, { following }) {
    this.#context = context;
    this.#search = search;
    this.#note = note;
    this.#list = new KeyedList(list, (person) => new Entry(context, person, following));
    context.presence.onChange(batched(() => this.#show()));
    search.addEventListener("input", () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.load(), PAUSE_MS);
    });
  }

  /** Fetch those that the search field names. */
  async load() {
    const asked = ++this.#asked;
    const search = this.#search.value.trim() || undefined;
    try {
      const page = await this.#context.rest.get("users", { search, page_size: PAGE_SIZE });
      if (asked !== this.#asked) return;
      this.#people = page.results.map((one) => ({ id: one.user.id, ...one }));
      this.#show();
      this.#say(this.#people.length ? "" : "Nobody by that name.");
    } catch (error) {
      if (asked === this.#asked) this.#say(`Not loaded: ${reason(error)}.`);
    }
  }

  #show() {
    const { presence } = this.#context;
    // Who is here comes first; among those the order stays.
    const here = this.#people.filter((one) => presence.isHere(one.id));
    const away = this.#people.filter((one) => !presence.isHere(one.id));
    this.#list.show([...here, ...away]);
  }

  #say(text) {
    if (!this.#note) return;
    setText(this.#note, text);
    this.#note.hidden = !text;
  }
}

class Entry {
  element = fromTemplate("person-template");

  #context;
  #user;
  #following;

  constructor(context, { user, following }, mayFollow) {
    this.#context = context;
    this.#user = user;
    this.#following = following;
    showAvatar(part(this.element, "avatar"), user.display_name, user.id);
    setText(part(this.element, "name"), user.display_name);
    const follow = part(this.element, "follow");
    follow.hidden = !mayFollow;
    follow.addEventListener("click", () => this.#toggleFollow());
    const write = part(this.element, "write");
    write.setAttribute("aria-label", `Write to ${user.display_name}`);
    write.addEventListener("click", () => this.#write());
    this.#showFollowing();
  }

  update({ id }) {
    const { presence } = this.#context;
    addDot(part(this.element, "avatar"), id, presence);
    setText(part(this.element, "status"), STATUS_LABELS[presence.status(id)]);
  }

  #showFollowing() {
    const follow = part(this.element, "follow");
    const text = this.#following ? "Following" : "Follow";
    setText(follow, text);
    follow.setAttribute("aria-label", `${text} ${this.#user.display_name}`);
    follow.classList.toggle("is-following", this.#following);
  }

  async #toggleFollow() {
    const path = `users/${this.#user.id}/follow`;
    try {
      const { rest } = this.#context;
      const done = await (this.#following ? rest.delete(path) : rest.post(path));
      this.#following = done.following;
      this.#showFollowing();
    } catch (error) {
      toast(`That did not work: ${reason(error)}.`);
    }
  }

  async #write() {
    try {
      goTo("messages", await this.#context.conversations.begin(this.#user.id));
    } catch (error) {
      toast(`The conversation could not be begun: ${reason(error)}.`);
    }
  }
}
