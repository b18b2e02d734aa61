/** The messages view: the list, and beside it a conversation, somebody to write to, or nothing. */

import { byId } from "../lib/dom.js";
import { goTo } from "../lib/router.js";
import { ConversationList } from "./conversation-list.js";
import { PeopleList } from "./people-list.js";
import { ThreadView } from "./thread.js";

const NEW = "new";

export class MessagesView {
  #list;
  #thread;
  #recipients;
  #conversations;

  constructor(context) {
    this.#conversations = context.conversations;
    this.#list = new ConversationList(context);
    this.#thread = new ThreadView(context);
    const elements = { list: byId("recipients"), search: byId("recipient-search") };
    this.#recipients = new PeopleList(context, elements, { following: false });
    context.conversations.list.onChange(() => this.#leaveWhatIsGone());
  }

  /** @param {string} id a conversation's, "new" to begin one, or "" for the list alone. */
  open(id) {
    const isThread = id !== "" && id !== NEW;
    byId("view-messages").dataset.pane = id ? "thread" : "list";
    byId("thread").hidden = !isThread;
    byId("new-conversation").hidden = id !== NEW;
    byId("thread-empty").hidden = id !== "";
    this.#list.mark(id);
    if (isThread) this.#thread.open(id);
    else this.#thread.close();
    if (id === NEW) this.#recipients.load();
  }

  close() {
    this.#thread.close();
  }

  /** Where the keyboard goes when the view is opened. */
  focus(id) {
    if (id === NEW) byId("recipient-search").focus();
    else if (!id) byId("messages-title").focus();
    else if (matchMedia("(pointer: coarse)").matches) byId("thread-title").focus();
    else byId("message-text").focus();
  }

  #leaveWhatIsGone() {
    const id = this.#thread.id;
    if (id && this.#conversations.wasLeft(id)) goTo("messages");
  }
}
