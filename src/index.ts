/** Halyard: the WebSocket-first controller framework. */
import 'reflect-metadata';

// The app
export { createApp } from './app/create-app.js';
export { App, type AppHealth, type AppMetrics, type Listening, type ListenOptions } from './app/app.js';
export type { AppOptions, LimitOptions, NodeOptions, ShutdownOptions } from './app/settings.js';
export type { RouteDescription } from './app/describe.js';
export { ConnectionError } from './app/builtins.js';

// Decorators
export { Catch, Controller, Injectable, type ControllerOptions } from './decorators/class.js';
export { OnConnect, OnDisconnect, OnError, WebSocket, type WebSocketOptions } from './decorators/ws.js';
export {
  All,
  Delete,
  Get,
  Head,
  HttpCode,
  Options,
  Patch,
  Post,
  Put,
  Redirect,
  SetHeader,
  Sse,
} from './decorators/http.js';
export { Body, Cookie, createParamDecorator, Data, Header, Inject, Ip, Param, Query } from './decorators/params.js';
export {
  SetMetadata,
  Use,
  UseCatchers,
  UseGuards,
  UseInterceptors,
  UseMiddleware,
  UseObservers,
  UsePipes,
} from './decorators/lifecycle.js';

// Lifecycle components
export {
  Answer,
  answer,
  CloseWith,
  closeWith,
  DROP,
  each,
  Refusal,
  refuse,
  type Catcher,
  type DropReason,
  type Dropped,
  type Each,
  type Guard,
  type Interceptor,
  type Middleware,
  type Observer,
  type Outcome,
  type ParameterInfo,
  type Pipe,
  type Stage,
} from './pipeline/components.js';
export { CloseInfo } from './pipeline/close-info.js';
export type { MaybePromise } from './pipeline/maybe-promise.js';
export {
  Context,
  type ConnectContext,
  type DisconnectContext,
  type HttpContext,
  type MessageContext,
  type UpgradeContext,
} from './pipeline/context.js';
export { Request } from './pipeline/request.js';
export { Reply, type CookieOptions } from './pipeline/reply.js';
export { WebSocketMode, type Mode, type Route } from './pipeline/route.js';
export { Json } from './pipeline/body.js';
export { Message } from './pipeline/message.js';
export {
  DefaultValuePipe,
  Optional,
  ParseArrayPipe,
  ParseBoolPipe,
  ParseEnumPipe,
  ParseFloatPipe,
  ParseIntPipe,
  ParseUUIDPipe,
} from './pipeline/pipes.js';
export type { TrustProxy } from './pipeline/trust-proxy.js';
export type { Ref } from './protocol/protocol.js';

// Connections and channels
export { Connection, type ConnectionData } from './connection/connection.js';
export { Connections, type ClusterOptions } from './connection/connections.js';
export type { BroadcastOptions, CloseOptions } from './connection/command.js';
export { CleanUp } from './connection/clean-up.js';
export { CloseWebSocket, Sender } from './connection/sender.js';
export type {
  ConnectionOptions,
  Duration,
  MessageOptions,
  Order,
  Origins,
  RateLimit,
  Size,
  SlowConsumer,
} from './connection/options.js';
export { Channels, type JoinOptions } from './channels/channels.js';
export type { PublishOptions } from './channels/publication.js';

// Presence
export { Presence, type PresenceMetrics, type TrackOptions } from './presence/presence.js';
export type { Meta } from './presence/meta.js';
export type { PresenceListener, Present, PresentMeta } from './presence/presence-channel.js';

// Other styles
export { Actions, actions, type ActionSet } from './styles/actions.js';
export { ConnectionEvent } from './styles/connection-event.js';
export { Inbox, type ReceiveOptions } from './styles/inbox.js';
export type {
  InboxDropped,
  InboxEvent,
  InboxGap,
  InboxMessage,
  InboxPresence,
  InboxPresenceCount,
  InboxPublication,
  InboxTimeout,
} from './styles/inbox-event.js';

// Between nodes
export { createPublisher, Publisher, type PublisherOptions } from './app/publisher.js';
export { clusterBroker, type ClusterBrokerOptions } from './broker/cluster.js';
export { memoryBroker } from './broker/memory.js';
export type { Broker, BrokerHealth, LinkState, Unsubscribe } from './broker/broker.js';

// Providers
export type { Container, ContainerScope, Provider, Token } from './di/provider.js';
export type { Class, Scope } from './metadata/metadata.js';

// HTTP
export { connect } from './http/connect.js';
export { SseEvent } from './http/sse.js';

// Errors
export {
  BootError,
  BrokerUnavailableError,
  HalyardError,
  HttpError,
  InvalidCloseCodeError,
  NodeTimeoutError,
  type BootCode,
  type BootProblem,
  type ErrorPayload,
  type WireCode,
} from './errors.js';
