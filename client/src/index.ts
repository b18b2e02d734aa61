/** The client of the SocialHub realtime service. */

export { RequestError, type ClientErrorCode } from "./errors.js";
export type { LoggedFrame } from "./frames.js";
export type { Options } from "./options.js";
export type { PresenceStatus } from "./presence.js";
export { WebSocketService } from "./service.js";
export type { SocketConstructor, SocketLike } from "./socket.js";
export { ConnectionStatus, type ConnectionState } from "./status.js";
export type { Refusal } from "./subscriptions.js";
export type { GetToken } from "./tokens.js";
export * from "./wire.js";
