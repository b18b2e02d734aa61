// What the readers of the pages have already. Types are those of the client itself.
import type { WebSocketService } from "@socialhub/realtime";
import type { AckData } from "./realtime";

declare global {
  const service: WebSocketService;
  const token: string;
  const userId: string;
  const csrfToken: string;
  const banner: HTMLElement;
  function fetchToken(): Promise<string>;
  function show(text: string): void;
  function showParticipants(snapshot: Record<string, unknown>): void;
  function showSent(message: AckData["message"]): void;
  function showRefusal(code: string): void;
  function showError(code: string, message: string): void;
}
