/** The states of a connection, by the client's `ConnectionStatus`, as people read them. */
export const STATE_LABELS = {
  disconnected: "Disconnected",
  connecting: "Connecting",
  connected: "Connected",
  reconnecting: "Reconnecting",
  polling: "Polling",
  offline: "Offline",
  ended: "Ended",
};
