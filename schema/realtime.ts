// The wire of the realtime service. Written by `manage.py export_schema`: do not edit.

/** `ack`: the frame with this `ack_id` has taken effect. */
export interface Ack {
  ack_id: string;
  data: unknown;
  status: "success";
}

/** `ack`, from the server. */
export interface AckFrame {
  id: string;
  type: "ack";
  payload: Ack;
  timestamp: string;
  ack_id: string;
}

/** The `ack` of `authenticate`. */
export interface AuthenticateAck {
  id: string;
  type: "ack";
  payload: AuthenticateAckPayload;
  timestamp: string;
  ack_id: string;
}

/** The payload of the `ack` of `authenticate`. */
export interface AuthenticateAckPayload {
  ack_id: string;
  data: Authenticated;
  status: "success";
}

/** `authenticate`, from a client. */
export interface AuthenticateCommand {
  type: "authenticate";
  payload: AuthenticateRequest;
  id?: string | null;
  channel?: string | null;
  ack_id?: string | null;
  timestamp?: string | null;
}

/** `authenticate`: a fresh token for the same user. */
export interface AuthenticateRequest {
  token: string;
}

/** Data of the ack of `authenticate`; `expires_at` in Unix seconds. */
export interface Authenticated {
  user_id: string;
  expires_at: number;
}

/** `subscribe` and `unsubscribe`; the channel may stand in the envelope instead. */
export interface ChannelRequest {
  channel?: string | null;
}

export type ClientFrame = AuthenticateCommand | ConnectCommand | DisconnectCommand | FeedSeenCommand | HeartbeatCommand | MessageCommand | NotificationReadCommand | NotificationReadAllCommand | PresenceCommand | ReadReceiptCommand | SubscribeCommand | TypingStartCommand | TypingStopCommand | UnsubscribeCommand;

/** `connect`, from a client. */
export interface ConnectCommand {
  type: "connect";
  payload?: ConnectRequest;
  id?: string | null;
  channel?: string | null;
  ack_id?: string | null;
  timestamp?: string | null;
}

/** `connect`, from the server. */
export interface ConnectFrame {
  id: string;
  type: "connect";
  payload: Connected;
  timestamp: string;
  ack_id?: string;
}

/** `connect`, the client's hello. */
export interface ConnectRequest {
  last_sequence?: number | null;
  epoch?: string | null;
  channels?: Array<string>;
}

/** `connect`, the server's reply. */
export interface Connected {
  user_id: string;
  timestamp: string;
  epoch: string;
  last_sequence: number;
  recovered: boolean;
  channels: Record<string, unknown>;
  refused?: Record<string, ErrorObject>;
}

/** `count_update`, from the server on feed:updates. */
export interface CountUpdateFrame {
  id: string;
  type: "count_update";
  payload: FeedCount;
  timestamp: string;
  channel: string;
}

/** The `ack` of `disconnect`. */
export interface DisconnectAck {
  id: string;
  type: "ack";
  payload: DisconnectAckPayload;
  timestamp: string;
  ack_id: string;
}

/** The payload of the `ack` of `disconnect`. */
export interface DisconnectAckPayload {
  ack_id: string;
  data: Empty;
  status: "success";
}

/** `disconnect`, from a client. */
export interface DisconnectCommand {
  type: "disconnect";
  payload?: Empty;
  id?: string | null;
  channel?: string | null;
  ack_id?: string | null;
  timestamp?: string | null;
}

/** `disconnect`, from the server. */
export interface DisconnectFrame {
  id: string;
  type: "disconnect";
  payload: Disconnected;
  timestamp: string;
}

/** `disconnect`, sent before every close of 4000 and above. */
export interface Disconnected {
  reason: string;
  code: number;
  reconnect: boolean;
  reconnect_after_ms?: number;
}

/** A payload in which the server reads nothing. */
export interface Empty {
}

/**
 * `erased`: what was told here on this channel has been deleted since.
 *
 * Only clients that come to it late see it: what they need to know of the
 * channel they fetch by REST.
 */
export interface Erased {
}

/** `erased`, from the server on any, logged. */
export interface ErasedFrame {
  id: string;
  type: "erased";
  payload: Erased;
  timestamp: string;
  channel: string;
  sequence: number;
}

/** The `code` of an error object, on sockets and over HTTP alike. */
export type ErrorCode = "CHANNEL_NOT_FOUND" | "FORBIDDEN" | "INTERNAL_ERROR" | "INVALID_MESSAGE" | "INVALID_TOKEN" | "MAX_CONNECTIONS" | "MISSING_TOKEN" | "NOT_FOUND" | "RATE_LIMITED" | "TOKEN_EXPIRED";

/** `error`, from the server. */
export interface ErrorFrame {
  id: string;
  type: "error";
  payload: ErrorObject;
  timestamp: string;
  ack_id?: string;
}

/** `error`, and the body of every HTTP error. */
export interface ErrorObject {
  code: ErrorCode;
  message: string;
  details: Record<string, unknown>;
}

/**
 * `count_update`, the snapshot of `feed:updates`, and the ack of `feed_seen`.
 *
 * Attributes:
 *     new_posts_count: posts by others since the user last saw the feed, counted
 *         up to 1,000.
 *     last_update: when the newest post that the user may see was created; None
 *         while there is none.
 */
export interface FeedCount {
  new_posts_count: number;
  last_update: string | null;
}

/** The `ack` of `feed_seen`. */
export interface FeedSeenAck {
  id: string;
  type: "ack";
  payload: FeedSeenAckPayload;
  timestamp: string;
  ack_id: string;
}

/** The payload of the `ack` of `feed_seen`. */
export interface FeedSeenAckPayload {
  ack_id: string;
  data: FeedCount;
  status: "success";
}

/** `feed_seen`, from a client. */
export interface FeedSeenCommand {
  type: "feed_seen";
  payload?: Empty;
  id?: string | null;
  channel?: string | null;
  ack_id?: string | null;
  timestamp?: string | null;
}

/**
 * `feed_update`: something has happened to a post.
 *
 * Attributes:
 *     type: what clients switch on, as `new_post`.
 *     user_id: who did it; None where that user is gone.
 *     created_at: when the post was created, whatever has happened to it since.
 */
export interface FeedUpdate {
  type: string;
  post_id: string;
  user_id: string | null;
  username: string | null;
  action: string;
  created_at: string;
}

/** `feed_update`, from the server on feed:updates, logged. */
export interface FeedUpdateFrame {
  id: string;
  type: "feed_update";
  payload: FeedUpdate;
  timestamp: string;
  channel: string;
  sequence: number;
}

/** `heartbeat`, the server's reply. */
export interface Heartbeat {
  timestamp: string;
  last_sequence: number;
}

/** `heartbeat`, from a client. */
export interface HeartbeatCommand {
  type: "heartbeat";
  payload?: Empty;
  id?: string | null;
  channel?: string | null;
  ack_id?: string | null;
  timestamp?: string | null;
}

/** `heartbeat`, from the server. */
export interface HeartbeatFrame {
  id: string;
  type: "heartbeat";
  payload: Heartbeat;
  timestamp: string;
  ack_id?: string;
}

/** The `ack` of `message`. */
export interface MessageAck {
  id: string;
  type: "ack";
  payload: MessageAckPayload;
  timestamp: string;
  ack_id: string;
}

/** The payload of the `ack` of `message`. */
export interface MessageAckPayload {
  ack_id: string;
  data: MessagePayload;
  status: "success";
}

/** `message`, from a client. */
export interface MessageCommand {
  type: "message";
  payload: MessageRequest;
  id?: string | null;
  channel?: string | null;
  ack_id?: string | null;
  timestamp?: string | null;
}

/** `message_deleted`: these messages have lost their content, and count as unread no more. */
export interface MessageDeleted {
  conversation_id: string;
  message_ids: Array<string>;
  deleted_at: string;
}

/** `message_deleted`, from the server on conversation:{id}, logged. */
export interface MessageDeletedFrame {
  id: string;
  type: "message_deleted";
  payload: MessageDeleted;
  timestamp: string;
  channel: string;
  sequence: number;
}

/** `message`, from the server on conversation:{id}, logged. */
export interface MessageFrame {
  id: string;
  type: "message";
  payload: MessagePayload;
  timestamp: string;
  channel: string;
  sequence: number;
}

/**
 * `message`: something was said. `position` counts within the conversation.
 *
 * `deleted_at` is there, in REST, where it was deleted: `content` is empty then.
 */
export interface MessagePayload {
  id: string;
  conversation_id: string;
  sender_id: string | null;
  content: string;
  created_at: string;
  is_read: boolean;
  sender: UserDescription | null;
  position: number;
  deleted_at?: string;
}

/** `message`, from a client. The conversation may stand in the envelope's channel. */
export interface MessageRequest {
  content: string;
  conversation_id?: string | null;
}

/** The body of the answer of `poll/missed`. */
export interface MissedAnswer {
  messages: Array<ServerEnvelope>;
  last_sequence: number;
  has_more: boolean;
  epoch: string;
  resync?: boolean;
}

/** The parameters of `poll/missed`. */
export interface MissedRequest {
  user_id: string | number;
  last_sequence: number;
  limit?: number;
  channels?: string | Array<string>;
  epoch?: string | null;
}

/**
 * `mutes_changed`, and what REST says of them: all that the user has muted.
 *
 * Attributes:
 *     types: types of notifications.
 *     keys: what `notify_coalesced` calls its key; a conversation's is its channel.
 */
export interface Mutes {
  types: Array<string>;
  keys: Array<string>;
}

/** `mutes_changed`, from the server on notifications, logged. */
export interface MutesChangedFrame {
  id: string;
  type: "mutes_changed";
  payload: Mutes;
  timestamp: string;
  channel: string;
  sequence: number;
}

/**
 * `node_stats`: how a node stands, and what it has done since its last report.
 *
 * Attributes:
 *     connections: open sockets.
 *     waiting_polls: polls that wait.
 *     events_per_second: logged events handed out. Each node hands out all of them.
 *     deliveries_per_second: these events times the clients who got them here.
 *     errors_per_second: error frames and error responses.
 *     latency_p50: seconds from an event's writing to its handing out, for half of the
 *         events; estimated by the histogram's buckets. None: there were no events.
 *     latency_p99: the same for 99 of 100.
 *     backlog: events that wait for a number, as last counted; up to 10,001.
 *     lag: events in the log that this node has not handed out yet.
 *     draining: it shuts down and takes no new clients.
 */
export interface NodeStats {
  node_id: string;
  node: string;
  connections: number;
  waiting_polls: number;
  events_per_second: number;
  deliveries_per_second: number;
  errors_per_second: number;
  latency_p50: number | null;
  latency_p99: number | null;
  backlog: number;
  lag: number;
  draining: boolean;
}

/** `node_stats`, from the server on realtime.stats. */
export interface NodeStatsFrame {
  id: string;
  type: "node_stats";
  payload: NodeStats;
  timestamp: string;
  channel: string;
}

/** `notification_deleted`: it is gone, read or not. */
export interface NotificationDeleted {
  notification_id: string;
  unread_count: number;
}

/** `notification_deleted`, from the server on notifications, logged. */
export interface NotificationDeletedFrame {
  id: string;
  type: "notification_deleted";
  payload: NotificationDeleted;
  timestamp: string;
  channel: string;
  sequence: number;
}

/** `notification`, from the server on notifications, logged. */
export interface NotificationFrame {
  id: string;
  type: "notification";
  payload: NotificationPayload;
  timestamp: string;
  channel: string;
  sequence: number;
}

/**
 * `notification`: something has happened to the user.
 *
 * `unread_count` is the state after it, so that counting clients need not add.
 */
export interface NotificationPayload {
  id: string;
  type: string;
  actor_id: string | null;
  actor_name: string | null;
  message: string;
  post_id: string | null;
  read: boolean;
  created_at: string;
  extra?: Record<string, unknown>;
  read_at?: string;
  unread_count?: number;
}

/** `notification_read`: one was read, on whichever of the user's devices. */
export interface NotificationRead {
  notification_id: string;
  read_at: string;
  unread_count: number;
}

/** The `ack` of `notification_read`. */
export interface NotificationReadAck {
  id: string;
  type: "ack";
  payload: NotificationReadAckPayload;
  timestamp: string;
  ack_id: string;
}

/** The payload of the `ack` of `notification_read`. */
export interface NotificationReadAckPayload {
  ack_id: string;
  data: NotificationRead;
  status: "success";
}

/** `notification_read_all`: all that there were have been read. */
export interface NotificationReadAll {
  read_at: string;
  unread_count: number;
}

/** The `ack` of `notification_read_all`. */
export interface NotificationReadAllAck {
  id: string;
  type: "ack";
  payload: NotificationReadAllAckPayload;
  timestamp: string;
  ack_id: string;
}

/** The payload of the `ack` of `notification_read_all`. */
export interface NotificationReadAllAckPayload {
  ack_id: string;
  data: NotificationReadAll;
  status: "success";
}

/** `notification_read_all`, from a client. */
export interface NotificationReadAllCommand {
  type: "notification_read_all";
  payload?: Empty;
  id?: string | null;
  channel?: string | null;
  ack_id?: string | null;
  timestamp?: string | null;
}

/** `notification_read_all`, from the server on notifications, logged. */
export interface NotificationReadAllFrame {
  id: string;
  type: "notification_read_all";
  payload: NotificationReadAll;
  timestamp: string;
  channel: string;
  sequence: number;
}

/** `notification_read`, from a client. */
export interface NotificationReadCommand {
  type: "notification_read";
  payload: NotificationReadRequest;
  id?: string | null;
  channel?: string | null;
  ack_id?: string | null;
  timestamp?: string | null;
}

/** `notification_read`, from the server on notifications, logged. */
export interface NotificationReadFrame {
  id: string;
  type: "notification_read";
  payload: NotificationRead;
  timestamp: string;
  channel: string;
  sequence: number;
}

/** `notification_read`, from a client. */
export interface NotificationReadRequest {
  notification_id: string;
}

/** `participant_left`: by their own will, or removed by somebody. */
export interface ParticipantLeft {
  conversation_id: string;
  user_id: string;
  removed_by: string | null;
  position: number;
}

/** `participant_left`, from the server on conversation:{id}, logged. */
export interface ParticipantLeftFrame {
  id: string;
  type: "participant_left";
  payload: ParticipantLeft;
  timestamp: string;
  channel: string;
  sequence: number;
}

/**
 * `participants_added`: they see what comes after `position`.
 *
 * On the conversation's channel for who was there; on `notifications` for those
 * who come in, and in a new conversation for all.
 */
export interface ParticipantsAdded {
  conversation_id: string;
  participants: Array<UserDescription>;
  added_by: string | null;
  position: number;
}

/** `participants_added`, from the server on conversation:{id},notifications, logged. */
export interface ParticipantsAddedFrame {
  id: string;
  type: "participants_added";
  payload: ParticipantsAdded;
  timestamp: string;
  channel: string;
  sequence: number;
}

/** The body of a poll's answer. */
export interface PollAnswer {
  events: Array<PollEvent>;
  last_poll_id: number;
  has_more: boolean;
  epoch: string;
  channels?: Record<string, unknown>;
  resync?: boolean;
}

/** An event as a poll returns it (API reference, *HTTP Polling Fallback*). */
export interface PollEvent {
  id: number;
  event_id: string;
  type: string;
  channel: string | null;
  payload: unknown;
  timestamp: string;
  sequence: number | null;
}

/** The parameters of `poll`; `timeout` in seconds. */
export interface PollRequest {
  user_id: string | number;
  last_poll_id?: number;
  timeout?: number;
  limit?: number;
  channels?: string | Array<string>;
  epoch?: string | null;
}

/** The `ack` of `presence`. */
export interface PresenceAck {
  id: string;
  type: "ack";
  payload: PresenceAckPayload;
  timestamp: string;
  ack_id: string;
}

/** The payload of the `ack` of `presence`. */
export interface PresenceAckPayload {
  ack_id: string;
  data: PresencePayload;
  status: "success";
}

/** `presence`, from a client. */
export interface PresenceCommand {
  type: "presence";
  payload: PresenceRequest;
  id?: string | null;
  channel?: string | null;
  ack_id?: string | null;
  timestamp?: string | null;
}

/** `presence`, from the server on presence,presence:{userId}, logged. */
export interface PresenceFrame {
  id: string;
  type: "presence";
  payload: PresencePayload;
  timestamp: string;
  channel: string;
  sequence: number;
}

/**
 * `presence`: a user's status has changed.
 *
 * `last_seen` is when the user was connected last, as known at this change;
 * null for who never was.
 */
export interface PresencePayload {
  user_id: string;
  status: "online" | "offline" | "away" | "busy";
  last_seen: string | null;
}

/** `presence`, from a client. Nobody sets offline: that is for the server to say. */
export interface PresenceRequest {
  status: "away" | "busy" | "online";
}

/** The `ack` of `read_receipt`. */
export interface ReadReceiptAck {
  id: string;
  type: "ack";
  payload: ReadReceiptAckPayload;
  timestamp: string;
  ack_id: string;
}

/** The payload of the `ack` of `read_receipt`. */
export interface ReadReceiptAckPayload {
  ack_id: string;
  data: ReadReceiptPayload;
  status: "success";
}

/** `read_receipt`, from a client. */
export interface ReadReceiptCommand {
  type: "read_receipt";
  payload: ReadReceiptRequest;
  id?: string | null;
  channel?: string | null;
  ack_id?: string | null;
  timestamp?: string | null;
}

/** `read_receipt`, from the server on conversation:{id}, logged. */
export interface ReadReceiptFrame {
  id: string;
  type: "read_receipt";
  payload: ReadReceiptPayload;
  timestamp: string;
  channel: string;
  sequence: number;
}

/**
 * `read_receipt`: `user_id` has read these messages of others.
 *
 * `last_read_position` is the state after it: what that user counts as read.
 */
export interface ReadReceiptPayload {
  conversation_id: string;
  message_ids: Array<string>;
  read_at: string;
  user_id: string;
  last_read_position: number;
}

/** `read_receipt`, from a client. */
export interface ReadReceiptRequest {
  message_ids: Array<string>;
  conversation_id?: string | null;
}

/** `resync`: the log does not reach back to where this client stood. */
export interface Resync {
  reason: string;
  last_sequence: number;
  epoch: string;
}

/** `resync`, from the server. */
export interface ResyncFrame {
  id: string;
  type: "resync";
  payload: Resync;
  timestamp: string;
}

/** A frame as the server sends it. */
export interface ServerEnvelope {
  id: string;
  type: string;
  payload: unknown;
  timestamp: string;
  channel?: string;
  ack_id?: string;
  sequence?: number;
}

export type ServerFrame = AckFrame | ConnectFrame | CountUpdateFrame | DisconnectFrame | ErasedFrame | ErrorFrame | FeedUpdateFrame | HeartbeatFrame | MessageFrame | MessageDeletedFrame | MutesChangedFrame | NodeStatsFrame | NotificationFrame | NotificationDeletedFrame | NotificationReadFrame | NotificationReadAllFrame | ParticipantLeftFrame | ParticipantsAddedFrame | PresenceFrame | ReadReceiptFrame | ResyncFrame | TypingStartFrame | TypingStopFrame;

/** The `ack` of `subscribe`. */
export interface SubscribeAck {
  id: string;
  type: "ack";
  payload: SubscribeAckPayload;
  timestamp: string;
  ack_id: string;
}

/** The payload of the `ack` of `subscribe`. */
export interface SubscribeAckPayload {
  ack_id: string;
  data: Subscribed;
  status: "success";
}

/** `subscribe`, from a client. */
export interface SubscribeCommand {
  type: "subscribe";
  payload?: ChannelRequest;
  id?: string | null;
  channel?: string | null;
  ack_id?: string | null;
  timestamp?: string | null;
}

/** Data of the ack of `subscribe`: where the channel stood when it was joined. */
export interface Subscribed {
  channel: string;
  last_sequence: number;
  epoch: string;
  snapshot: Record<string, unknown>;
}

/** `typing_start` and `typing_stop`. */
export interface Typing {
  conversation_id: string;
  user_id: string;
  username: string;
  is_typing: boolean;
}

/** `typing_start` and `typing_stop`, from a client. */
export interface TypingRequest {
  conversation_id?: string | null;
}

/** The `ack` of `typing_start`. */
export interface TypingStartAck {
  id: string;
  type: "ack";
  payload: TypingStartAckPayload;
  timestamp: string;
  ack_id: string;
}

/** The payload of the `ack` of `typing_start`. */
export interface TypingStartAckPayload {
  ack_id: string;
  data: Typing;
  status: "success";
}

/** `typing_start`, from a client. */
export interface TypingStartCommand {
  type: "typing_start";
  payload?: TypingRequest;
  id?: string | null;
  channel?: string | null;
  ack_id?: string | null;
  timestamp?: string | null;
}

/** `typing_start`, from the server on conversation:{id}. */
export interface TypingStartFrame {
  id: string;
  type: "typing_start";
  payload: Typing;
  timestamp: string;
  channel: string;
}

/** The `ack` of `typing_stop`. */
export interface TypingStopAck {
  id: string;
  type: "ack";
  payload: TypingStopAckPayload;
  timestamp: string;
  ack_id: string;
}

/** The payload of the `ack` of `typing_stop`. */
export interface TypingStopAckPayload {
  ack_id: string;
  data: Typing;
  status: "success";
}

/** `typing_stop`, from a client. */
export interface TypingStopCommand {
  type: "typing_stop";
  payload?: TypingRequest;
  id?: string | null;
  channel?: string | null;
  ack_id?: string | null;
  timestamp?: string | null;
}

/** `typing_stop`, from the server on conversation:{id}. */
export interface TypingStopFrame {
  id: string;
  type: "typing_stop";
  payload: Typing;
  timestamp: string;
  channel: string;
}

/** The `ack` of `unsubscribe`. */
export interface UnsubscribeAck {
  id: string;
  type: "ack";
  payload: UnsubscribeAckPayload;
  timestamp: string;
  ack_id: string;
}

/** The payload of the `ack` of `unsubscribe`. */
export interface UnsubscribeAckPayload {
  ack_id: string;
  data: Unsubscribed;
  status: "success";
}

/** `unsubscribe`, from a client. */
export interface UnsubscribeCommand {
  type: "unsubscribe";
  payload?: ChannelRequest;
  id?: string | null;
  channel?: string | null;
  ack_id?: string | null;
  timestamp?: string | null;
}

/** Data of the ack of `unsubscribe`. */
export interface Unsubscribed {
  channel: string;
}

/** What others see of a user, as the hook `DESCRIBE_USER` gives it. */
export interface UserDescription {
  avatar_url: string | null;
  display_name: string;
  id: string;
  username: string;
}

/** The payload of each type of frame that the server sends. */
export interface EventPayloads {
  ack: Ack;
  connect: Connected;
  count_update: FeedCount;
  disconnect: Disconnected;
  erased: Erased;
  error: ErrorObject;
  feed_update: FeedUpdate;
  heartbeat: Heartbeat;
  message: MessagePayload;
  message_deleted: MessageDeleted;
  mutes_changed: Mutes;
  node_stats: NodeStats;
  notification: NotificationPayload;
  notification_deleted: NotificationDeleted;
  notification_read: NotificationRead;
  notification_read_all: NotificationReadAll;
  participant_left: ParticipantLeft;
  participants_added: ParticipantsAdded;
  presence: PresencePayload;
  read_receipt: ReadReceiptPayload;
  resync: Resync;
  typing_start: Typing;
  typing_stop: Typing;
}

/** The payload of each type of frame that a client sends. */
export interface CommandPayloads {
  authenticate: AuthenticateRequest;
  connect: ConnectRequest;
  disconnect: Empty;
  feed_seen: Empty;
  heartbeat: Empty;
  message: MessageRequest;
  notification_read: NotificationReadRequest;
  notification_read_all: Empty;
  presence: PresenceRequest;
  read_receipt: ReadReceiptRequest;
  subscribe: ChannelRequest;
  typing_start: TypingRequest;
  typing_stop: TypingRequest;
  unsubscribe: ChannelRequest;
}

/** What answers each command: the `data` of its ack, or the payload of the reply. */
export interface AckData {
  authenticate: Authenticated;
  connect: Connected;
  disconnect: Empty;
  feed_seen: FeedCount;
  heartbeat: Heartbeat;
  message: MessagePayload;
  notification_read: NotificationRead;
  notification_read_all: NotificationReadAll;
  presence: PresencePayload;
  read_receipt: ReadReceiptPayload;
  subscribe: Subscribed;
  typing_start: Typing;
  typing_stop: Typing;
  unsubscribe: Unsubscribed;
}

/** The type of any frame that the server sends. */
export type EventName = keyof EventPayloads;

/** The type of any frame that a client sends. */
export type CommandName = keyof CommandPayloads;

/** An event as a poll returns it, with the type of its payload. */
export type PolledEvent = {
  [Name in EventName]: Omit<PollEvent, "type" | "payload"> & {
    type: Name;
    payload: EventPayloads[Name];
  };
}[EventName];

/** Close codes: up to 4499 reconnect, from 4500 on do not. */
export const CloseCode = {
  NORMAL: 1000,
  MESSAGE_TOO_BIG: 1009,
  INTERNAL_ERROR: 1011,
  RECONNECT: 4000,
  GOING_AWAY: 4001,
  TOO_SLOW: 4002,
  TOKEN_EXPIRED: 4501,
  ACCOUNT_DISABLED: 4503,
  FLOODING: 4529,
} as const;
