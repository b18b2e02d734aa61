/** The generated types of the wire, and what follows from them. */

import type {
  AckData,
  AckFrame,
  CommandName,
  CommandPayloads,
  EventName,
  ServerEnvelope,
  ServerFrame,
} from "../../schema/realtime.js";

export * from "../../schema/realtime.js";

/** A frame of this type, as the server sends it. Types of other apps have an unknown payload. */
export type Envelope<Type extends string> = Type extends EventName
  ? Extract<ServerFrame, { type: Type }>
  : ServerEnvelope & { type: Type };

/** What a client may say of a frame beside its type and payload. */
export interface CommandFields {
  /** A UUID makes a `message` safe to repeat; it gets one if it has none. */
  id?: string;
  channel?: string;
  /** Chosen by the client where an answer is awaited. */
  ack_id?: string;
  timestamp?: string;
}

// The server ignores what it does not know, so further fields are no mistake.
type Payload<Name extends CommandName> = CommandPayloads[Name] & Record<string, unknown>;

/** A frame to send. */
export type Command<Type extends string = CommandName> = Type extends CommandName
  ? CommandFields & { type: Type } & (object extends CommandPayloads[Type]
        ? { payload?: Payload<Type> }
        : { payload: Payload<Type> })
  : CommandFields & { type: Type; payload?: Record<string, unknown> };

/** The frame that answers a command: its `ack`, with the data of just that command. */
export type Answer<Type extends string> = Type extends "connect" | "heartbeat"
  ? Envelope<Type>
  : Omit<AckFrame, "payload"> & {
      payload: Omit<AckFrame["payload"], "data"> & {
        data: Type extends CommandName ? AckData[Type] : unknown;
      };
    };

/** Any command, as the inside of the client sees it. */
export interface AnyCommand extends CommandFields {
  type: string;
  payload?: object;
}

/** Where a client stands in the log. */
export interface Position {
  sequence: number;
  epoch: string;
}
