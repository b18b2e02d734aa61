/*!
 * The client of the SocialHub realtime service. Built from client/ by `make client`: do not edit.
 * It contains parts of RxJS, https://rxjs.dev,
 * Copyright (c) 2015-2018 Google, Inc., Netflix, Inc., Microsoft Corp. and contributors,
 * licensed under the Apache License, Version 2.0, https://www.apache.org/licenses/LICENSE-2.0
 */

// src/errors.ts
var RequestError = class _RequestError extends Error {
  /**
   * @param code the code of the server's error object, or one of the client's own.
   * @param message one sentence for developers.
   * @param details further fields: `field`, `channel`, `retry_after` (seconds) ….
   */
  constructor(code, message, details = {}) {
    super(message);
    this.code = code;
    this.details = details;
  }
  code;
  details;
  name = "RequestError";
  static from({ code, message, details }) {
    return new _RequestError(code, message, details);
  }
  /** Seconds after which to ask again, where the server has said so; else 0. */
  get retryAfter() {
    const seconds = Number(this.details["retry_after"]);
    return seconds > 0 ? seconds : 0;
  }
  /** Whether this token is of no use (any longer). */
  get unauthorised() {
    return ["MISSING_TOKEN", "INVALID_TOKEN", "TOKEN_EXPIRED"].includes(this.code);
  }
};
var SessionOver = class extends RequestError {
};

// node_modules/rxjs/dist/esm/internal/util/isFunction.js
function isFunction(value) {
  return typeof value === "function";
}

// node_modules/rxjs/dist/esm/internal/util/createErrorClass.js
function createErrorClass(createImpl) {
  const _super = (instance) => {
    Error.call(instance);
    instance.stack = new Error().stack;
  };
  const ctorFunc = createImpl(_super);
  ctorFunc.prototype = Object.create(Error.prototype);
  ctorFunc.prototype.constructor = ctorFunc;
  return ctorFunc;
}

// node_modules/rxjs/dist/esm/internal/util/UnsubscriptionError.js
var UnsubscriptionError = createErrorClass((_super) => function UnsubscriptionErrorImpl(errors) {
  _super(this);
  this.message = errors ? `${errors.length} errors occurred during unsubscription:
${errors.map((err, i) => `${i + 1}) ${err.toString()}`).join("\n  ")}` : "";
  this.name = "UnsubscriptionError";
  this.errors = errors;
});

// node_modules/rxjs/dist/esm/internal/util/arrRemove.js
function arrRemove(arr, item) {
  if (arr) {
    const index = arr.indexOf(item);
    0 <= index && arr.splice(index, 1);
  }
}

// node_modules/rxjs/dist/esm/internal/Subscription.js
var Subscription = class _Subscription {
  constructor(initialTeardown) {
    this.initialTeardown = initialTeardown;
    this.closed = false;
    this._parentage = null;
    this._finalizers = null;
  }
  unsubscribe() {
    let errors;
    if (!this.closed) {
      this.closed = true;
      const { _parentage } = this;
      if (_parentage) {
        this._parentage = null;
        if (Array.isArray(_parentage)) {
          for (const parent of _parentage) {
            parent.remove(this);
          }
        } else {
          _parentage.remove(this);
        }
      }
      const { initialTeardown: initialFinalizer } = this;
      if (isFunction(initialFinalizer)) {
        try {
          initialFinalizer();
        } catch (e) {
          errors = e instanceof UnsubscriptionError ? e.errors : [e];
        }
      }
      const { _finalizers } = this;
      if (_finalizers) {
        this._finalizers = null;
        for (const finalizer of _finalizers) {
          try {
            execFinalizer(finalizer);
          } catch (err) {
            errors = errors !== null && errors !== void 0 ? errors : [];
            if (err instanceof UnsubscriptionError) {
              errors = [...errors, ...err.errors];
            } else {
              errors.push(err);
            }
          }
        }
      }
      if (errors) {
        throw new UnsubscriptionError(errors);
      }
    }
  }
  add(teardown) {
    var _a;
    if (teardown && teardown !== this) {
      if (this.closed) {
        execFinalizer(teardown);
      } else {
        if (teardown instanceof _Subscription) {
          if (teardown.closed || teardown._hasParent(this)) {
            return;
          }
          teardown._addParent(this);
        }
        (this._finalizers = (_a = this._finalizers) !== null && _a !== void 0 ? _a : []).push(teardown);
      }
    }
  }
  _hasParent(parent) {
    const { _parentage } = this;
    return _parentage === parent || Array.isArray(_parentage) && _parentage.includes(parent);
  }
  _addParent(parent) {
    const { _parentage } = this;
    this._parentage = Array.isArray(_parentage) ? (_parentage.push(parent), _parentage) : _parentage ? [_parentage, parent] : parent;
  }
  _removeParent(parent) {
    const { _parentage } = this;
    if (_parentage === parent) {
      this._parentage = null;
    } else if (Array.isArray(_parentage)) {
      arrRemove(_parentage, parent);
    }
  }
  remove(teardown) {
    const { _finalizers } = this;
    _finalizers && arrRemove(_finalizers, teardown);
    if (teardown instanceof _Subscription) {
      teardown._removeParent(this);
    }
  }
};
Subscription.EMPTY = (() => {
  const empty = new Subscription();
  empty.closed = true;
  return empty;
})();
var EMPTY_SUBSCRIPTION = Subscription.EMPTY;
function isSubscription(value) {
  return value instanceof Subscription || value && "closed" in value && isFunction(value.remove) && isFunction(value.add) && isFunction(value.unsubscribe);
}
function execFinalizer(finalizer) {
  if (isFunction(finalizer)) {
    finalizer();
  } else {
    finalizer.unsubscribe();
  }
}

// node_modules/rxjs/dist/esm/internal/config.js
var config = {
  onUnhandledError: null,
  onStoppedNotification: null,
  Promise: void 0,
  useDeprecatedSynchronousErrorHandling: false,
  useDeprecatedNextContext: false
};

// node_modules/rxjs/dist/esm/internal/scheduler/timeoutProvider.js
var timeoutProvider = {
  setTimeout(handler, timeout, ...args) {
    const { delegate } = timeoutProvider;
    if (delegate === null || delegate === void 0 ? void 0 : delegate.setTimeout) {
      return delegate.setTimeout(handler, timeout, ...args);
    }
    return setTimeout(handler, timeout, ...args);
  },
  clearTimeout(handle) {
    const { delegate } = timeoutProvider;
    return ((delegate === null || delegate === void 0 ? void 0 : delegate.clearTimeout) || clearTimeout)(handle);
  },
  delegate: void 0
};

// node_modules/rxjs/dist/esm/internal/util/reportUnhandledError.js
function reportUnhandledError(err) {
  timeoutProvider.setTimeout(() => {
    const { onUnhandledError } = config;
    if (onUnhandledError) {
      onUnhandledError(err);
    } else {
      throw err;
    }
  });
}

// node_modules/rxjs/dist/esm/internal/util/noop.js
function noop() {
}

// node_modules/rxjs/dist/esm/internal/NotificationFactories.js
var COMPLETE_NOTIFICATION = (() => createNotification("C", void 0, void 0))();
function errorNotification(error) {
  return createNotification("E", void 0, error);
}
function nextNotification(value) {
  return createNotification("N", value, void 0);
}
function createNotification(kind, value, error) {
  return {
    kind,
    value,
    error
  };
}

// node_modules/rxjs/dist/esm/internal/util/errorContext.js
var context = null;
function errorContext(cb) {
  if (config.useDeprecatedSynchronousErrorHandling) {
    const isRoot = !context;
    if (isRoot) {
      context = { errorThrown: false, error: null };
    }
    cb();
    if (isRoot) {
      const { errorThrown, error } = context;
      context = null;
      if (errorThrown) {
        throw error;
      }
    }
  } else {
    cb();
  }
}
function captureError(err) {
  if (config.useDeprecatedSynchronousErrorHandling && context) {
    context.errorThrown = true;
    context.error = err;
  }
}

// node_modules/rxjs/dist/esm/internal/Subscriber.js
var Subscriber = class extends Subscription {
  constructor(destination) {
    super();
    this.isStopped = false;
    if (destination) {
      this.destination = destination;
      if (isSubscription(destination)) {
        destination.add(this);
      }
    } else {
      this.destination = EMPTY_OBSERVER;
    }
  }
  static create(next, error, complete2) {
    return new SafeSubscriber(next, error, complete2);
  }
  next(value) {
    if (this.isStopped) {
      handleStoppedNotification(nextNotification(value), this);
    } else {
      this._next(value);
    }
  }
  error(err) {
    if (this.isStopped) {
      handleStoppedNotification(errorNotification(err), this);
    } else {
      this.isStopped = true;
      this._error(err);
    }
  }
  complete() {
    if (this.isStopped) {
      handleStoppedNotification(COMPLETE_NOTIFICATION, this);
    } else {
      this.isStopped = true;
      this._complete();
    }
  }
  unsubscribe() {
    if (!this.closed) {
      this.isStopped = true;
      super.unsubscribe();
      this.destination = null;
    }
  }
  _next(value) {
    this.destination.next(value);
  }
  _error(err) {
    try {
      this.destination.error(err);
    } finally {
      this.unsubscribe();
    }
  }
  _complete() {
    try {
      this.destination.complete();
    } finally {
      this.unsubscribe();
    }
  }
};
var _bind = Function.prototype.bind;
function bind(fn, thisArg) {
  return _bind.call(fn, thisArg);
}
var ConsumerObserver = class {
  constructor(partialObserver) {
    this.partialObserver = partialObserver;
  }
  next(value) {
    const { partialObserver } = this;
    if (partialObserver.next) {
      try {
        partialObserver.next(value);
      } catch (error) {
        handleUnhandledError(error);
      }
    }
  }
  error(err) {
    const { partialObserver } = this;
    if (partialObserver.error) {
      try {
        partialObserver.error(err);
      } catch (error) {
        handleUnhandledError(error);
      }
    } else {
      handleUnhandledError(err);
    }
  }
  complete() {
    const { partialObserver } = this;
    if (partialObserver.complete) {
      try {
        partialObserver.complete();
      } catch (error) {
        handleUnhandledError(error);
      }
    }
  }
};
var SafeSubscriber = class extends Subscriber {
  constructor(observerOrNext, error, complete2) {
    super();
    let partialObserver;
    if (isFunction(observerOrNext) || !observerOrNext) {
      partialObserver = {
        next: observerOrNext !== null && observerOrNext !== void 0 ? observerOrNext : void 0,
        error: error !== null && error !== void 0 ? error : void 0,
        complete: complete2 !== null && complete2 !== void 0 ? complete2 : void 0
      };
    } else {
      let context2;
      if (this && config.useDeprecatedNextContext) {
        context2 = Object.create(observerOrNext);
        context2.unsubscribe = () => this.unsubscribe();
        partialObserver = {
          next: observerOrNext.next && bind(observerOrNext.next, context2),
          error: observerOrNext.error && bind(observerOrNext.error, context2),
          complete: observerOrNext.complete && bind(observerOrNext.complete, context2)
        };
      } else {
        partialObserver = observerOrNext;
      }
    }
    this.destination = new ConsumerObserver(partialObserver);
  }
};
function handleUnhandledError(error) {
  if (config.useDeprecatedSynchronousErrorHandling) {
    captureError(error);
  } else {
    reportUnhandledError(error);
  }
}
function defaultErrorHandler(err) {
  throw err;
}
function handleStoppedNotification(notification, subscriber) {
  const { onStoppedNotification } = config;
  onStoppedNotification && timeoutProvider.setTimeout(() => onStoppedNotification(notification, subscriber));
}
var EMPTY_OBSERVER = {
  closed: true,
  next: noop,
  error: defaultErrorHandler,
  complete: noop
};

// node_modules/rxjs/dist/esm/internal/symbol/observable.js
var observable = (() => typeof Symbol === "function" && Symbol.observable || "@@observable")();

// node_modules/rxjs/dist/esm/internal/util/identity.js
function identity(x) {
  return x;
}

// node_modules/rxjs/dist/esm/internal/util/pipe.js
function pipeFromArray(fns) {
  if (fns.length === 0) {
    return identity;
  }
  if (fns.length === 1) {
    return fns[0];
  }
  return function piped(input) {
    return fns.reduce((prev, fn) => fn(prev), input);
  };
}

// node_modules/rxjs/dist/esm/internal/Observable.js
var Observable = class _Observable {
  constructor(subscribe) {
    if (subscribe) {
      this._subscribe = subscribe;
    }
  }
  lift(operator) {
    const observable2 = new _Observable();
    observable2.source = this;
    observable2.operator = operator;
    return observable2;
  }
  subscribe(observerOrNext, error, complete2) {
    const subscriber = isSubscriber(observerOrNext) ? observerOrNext : new SafeSubscriber(observerOrNext, error, complete2);
    errorContext(() => {
      const { operator, source } = this;
      subscriber.add(operator ? operator.call(subscriber, source) : source ? this._subscribe(subscriber) : this._trySubscribe(subscriber));
    });
    return subscriber;
  }
  _trySubscribe(sink) {
    try {
      return this._subscribe(sink);
    } catch (err) {
      sink.error(err);
    }
  }
  forEach(next, promiseCtor) {
    promiseCtor = getPromiseCtor(promiseCtor);
    return new promiseCtor((resolve, reject) => {
      const subscriber = new SafeSubscriber({
        next: (value) => {
          try {
            next(value);
          } catch (err) {
            reject(err);
            subscriber.unsubscribe();
          }
        },
        error: reject,
        complete: resolve
      });
      this.subscribe(subscriber);
    });
  }
  _subscribe(subscriber) {
    var _a;
    return (_a = this.source) === null || _a === void 0 ? void 0 : _a.subscribe(subscriber);
  }
  [observable]() {
    return this;
  }
  pipe(...operations) {
    return pipeFromArray(operations)(this);
  }
  toPromise(promiseCtor) {
    promiseCtor = getPromiseCtor(promiseCtor);
    return new promiseCtor((resolve, reject) => {
      let value;
      this.subscribe((x) => value = x, (err) => reject(err), () => resolve(value));
    });
  }
};
Observable.create = (subscribe) => {
  return new Observable(subscribe);
};
function getPromiseCtor(promiseCtor) {
  var _a;
  return (_a = promiseCtor !== null && promiseCtor !== void 0 ? promiseCtor : config.Promise) !== null && _a !== void 0 ? _a : Promise;
}
function isObserver(value) {
  return value && isFunction(value.next) && isFunction(value.error) && isFunction(value.complete);
}
function isSubscriber(value) {
  return value && value instanceof Subscriber || isObserver(value) && isSubscription(value);
}

// node_modules/rxjs/dist/esm/internal/util/lift.js
function hasLift(source) {
  return isFunction(source === null || source === void 0 ? void 0 : source.lift);
}
function operate(init) {
  return (source) => {
    if (hasLift(source)) {
      return source.lift(function(liftedSource) {
        try {
          return init(liftedSource, this);
        } catch (err) {
          this.error(err);
        }
      });
    }
    throw new TypeError("Unable to lift unknown Observable type");
  };
}

// node_modules/rxjs/dist/esm/internal/operators/OperatorSubscriber.js
function createOperatorSubscriber(destination, onNext, onComplete, onError, onFinalize) {
  return new OperatorSubscriber(destination, onNext, onComplete, onError, onFinalize);
}
var OperatorSubscriber = class extends Subscriber {
  constructor(destination, onNext, onComplete, onError, onFinalize, shouldUnsubscribe) {
    super(destination);
    this.onFinalize = onFinalize;
    this.shouldUnsubscribe = shouldUnsubscribe;
    this._next = onNext ? function(value) {
      try {
        onNext(value);
      } catch (err) {
        destination.error(err);
      }
    } : super._next;
    this._error = onError ? function(err) {
      try {
        onError(err);
      } catch (err2) {
        destination.error(err2);
      } finally {
        this.unsubscribe();
      }
    } : super._error;
    this._complete = onComplete ? function() {
      try {
        onComplete();
      } catch (err) {
        destination.error(err);
      } finally {
        this.unsubscribe();
      }
    } : super._complete;
  }
  unsubscribe() {
    var _a;
    if (!this.shouldUnsubscribe || this.shouldUnsubscribe()) {
      const { closed } = this;
      super.unsubscribe();
      !closed && ((_a = this.onFinalize) === null || _a === void 0 ? void 0 : _a.call(this));
    }
  }
};

// node_modules/rxjs/dist/esm/internal/util/ObjectUnsubscribedError.js
var ObjectUnsubscribedError = createErrorClass((_super) => function ObjectUnsubscribedErrorImpl() {
  _super(this);
  this.name = "ObjectUnsubscribedError";
  this.message = "object unsubscribed";
});

// node_modules/rxjs/dist/esm/internal/Subject.js
var Subject = class extends Observable {
  constructor() {
    super();
    this.closed = false;
    this.currentObservers = null;
    this.observers = [];
    this.isStopped = false;
    this.hasError = false;
    this.thrownError = null;
  }
  lift(operator) {
    const subject = new AnonymousSubject(this, this);
    subject.operator = operator;
    return subject;
  }
  _throwIfClosed() {
    if (this.closed) {
      throw new ObjectUnsubscribedError();
    }
  }
  next(value) {
    errorContext(() => {
      this._throwIfClosed();
      if (!this.isStopped) {
        if (!this.currentObservers) {
          this.currentObservers = Array.from(this.observers);
        }
        for (const observer of this.currentObservers) {
          observer.next(value);
        }
      }
    });
  }
  error(err) {
    errorContext(() => {
      this._throwIfClosed();
      if (!this.isStopped) {
        this.hasError = this.isStopped = true;
        this.thrownError = err;
        const { observers } = this;
        while (observers.length) {
          observers.shift().error(err);
        }
      }
    });
  }
  complete() {
    errorContext(() => {
      this._throwIfClosed();
      if (!this.isStopped) {
        this.isStopped = true;
        const { observers } = this;
        while (observers.length) {
          observers.shift().complete();
        }
      }
    });
  }
  unsubscribe() {
    this.isStopped = this.closed = true;
    this.observers = this.currentObservers = null;
  }
  get observed() {
    var _a;
    return ((_a = this.observers) === null || _a === void 0 ? void 0 : _a.length) > 0;
  }
  _trySubscribe(subscriber) {
    this._throwIfClosed();
    return super._trySubscribe(subscriber);
  }
  _subscribe(subscriber) {
    this._throwIfClosed();
    this._checkFinalizedStatuses(subscriber);
    return this._innerSubscribe(subscriber);
  }
  _innerSubscribe(subscriber) {
    const { hasError, isStopped, observers } = this;
    if (hasError || isStopped) {
      return EMPTY_SUBSCRIPTION;
    }
    this.currentObservers = null;
    observers.push(subscriber);
    return new Subscription(() => {
      this.currentObservers = null;
      arrRemove(observers, subscriber);
    });
  }
  _checkFinalizedStatuses(subscriber) {
    const { hasError, thrownError, isStopped } = this;
    if (hasError) {
      subscriber.error(thrownError);
    } else if (isStopped) {
      subscriber.complete();
    }
  }
  asObservable() {
    const observable2 = new Observable();
    observable2.source = this;
    return observable2;
  }
};
Subject.create = (destination, source) => {
  return new AnonymousSubject(destination, source);
};
var AnonymousSubject = class extends Subject {
  constructor(destination, source) {
    super();
    this.destination = destination;
    this.source = source;
  }
  next(value) {
    var _a, _b;
    (_b = (_a = this.destination) === null || _a === void 0 ? void 0 : _a.next) === null || _b === void 0 ? void 0 : _b.call(_a, value);
  }
  error(err) {
    var _a, _b;
    (_b = (_a = this.destination) === null || _a === void 0 ? void 0 : _a.error) === null || _b === void 0 ? void 0 : _b.call(_a, err);
  }
  complete() {
    var _a, _b;
    (_b = (_a = this.destination) === null || _a === void 0 ? void 0 : _a.complete) === null || _b === void 0 ? void 0 : _b.call(_a);
  }
  _subscribe(subscriber) {
    var _a, _b;
    return (_b = (_a = this.source) === null || _a === void 0 ? void 0 : _a.subscribe(subscriber)) !== null && _b !== void 0 ? _b : EMPTY_SUBSCRIPTION;
  }
};

// node_modules/rxjs/dist/esm/internal/BehaviorSubject.js
var BehaviorSubject = class extends Subject {
  constructor(_value) {
    super();
    this._value = _value;
  }
  get value() {
    return this.getValue();
  }
  _subscribe(subscriber) {
    const subscription = super._subscribe(subscriber);
    !subscription.closed && subscriber.next(this._value);
    return subscription;
  }
  getValue() {
    const { hasError, thrownError, _value } = this;
    if (hasError) {
      throw thrownError;
    }
    this._throwIfClosed();
    return _value;
  }
  next(value) {
    super.next(this._value = value);
  }
};

// node_modules/rxjs/dist/esm/internal/scheduler/dateTimestampProvider.js
var dateTimestampProvider = {
  now() {
    return (dateTimestampProvider.delegate || Date).now();
  },
  delegate: void 0
};

// node_modules/rxjs/dist/esm/internal/ReplaySubject.js
var ReplaySubject = class extends Subject {
  constructor(_bufferSize = Infinity, _windowTime = Infinity, _timestampProvider = dateTimestampProvider) {
    super();
    this._bufferSize = _bufferSize;
    this._windowTime = _windowTime;
    this._timestampProvider = _timestampProvider;
    this._buffer = [];
    this._infiniteTimeWindow = true;
    this._infiniteTimeWindow = _windowTime === Infinity;
    this._bufferSize = Math.max(1, _bufferSize);
    this._windowTime = Math.max(1, _windowTime);
  }
  next(value) {
    const { isStopped, _buffer, _infiniteTimeWindow, _timestampProvider, _windowTime } = this;
    if (!isStopped) {
      _buffer.push(value);
      !_infiniteTimeWindow && _buffer.push(_timestampProvider.now() + _windowTime);
    }
    this._trimBuffer();
    super.next(value);
  }
  _subscribe(subscriber) {
    this._throwIfClosed();
    this._trimBuffer();
    const subscription = this._innerSubscribe(subscriber);
    const { _infiniteTimeWindow, _buffer } = this;
    const copy = _buffer.slice();
    for (let i = 0; i < copy.length && !subscriber.closed; i += _infiniteTimeWindow ? 1 : 2) {
      subscriber.next(copy[i]);
    }
    this._checkFinalizedStatuses(subscriber);
    return subscription;
  }
  _trimBuffer() {
    const { _bufferSize, _timestampProvider, _buffer, _infiniteTimeWindow } = this;
    const adjustedBufferSize = (_infiniteTimeWindow ? 1 : 2) * _bufferSize;
    _bufferSize < Infinity && adjustedBufferSize < _buffer.length && _buffer.splice(0, _buffer.length - adjustedBufferSize);
    if (!_infiniteTimeWindow) {
      const now = _timestampProvider.now();
      let last = 0;
      for (let i = 1; i < _buffer.length && _buffer[i] <= now; i += 2) {
        last = i;
      }
      last && _buffer.splice(0, last + 1);
    }
  }
};

// node_modules/rxjs/dist/esm/internal/observable/throwError.js
function throwError(errorOrErrorFactory, scheduler) {
  const errorFactory = isFunction(errorOrErrorFactory) ? errorOrErrorFactory : () => errorOrErrorFactory;
  const init = (subscriber) => subscriber.error(errorFactory());
  return new Observable(scheduler ? (subscriber) => scheduler.schedule(init, 0, subscriber) : init);
}

// node_modules/rxjs/dist/esm/internal/operators/map.js
function map(project, thisArg) {
  return operate((source, subscriber) => {
    let index = 0;
    source.subscribe(createOperatorSubscriber(subscriber, (value) => {
      subscriber.next(project.call(thisArg, value, index++));
    }));
  });
}

// node_modules/rxjs/dist/esm/internal/operators/filter.js
function filter(predicate, thisArg) {
  return operate((source, subscriber) => {
    let index = 0;
    source.subscribe(createOperatorSubscriber(subscriber, (value) => predicate.call(thisArg, value, index++) && subscriber.next(value)));
  });
}

// node_modules/rxjs/dist/esm/internal/operators/distinctUntilChanged.js
function distinctUntilChanged(comparator, keySelector = identity) {
  comparator = comparator !== null && comparator !== void 0 ? comparator : defaultCompare;
  return operate((source, subscriber) => {
    let previousKey;
    let first = true;
    source.subscribe(createOperatorSubscriber(subscriber, (value) => {
      const currentKey = keySelector(value);
      if (first || !comparator(previousKey, currentKey)) {
        first = false;
        previousKey = currentKey;
        subscriber.next(value);
      }
    }));
  });
}
function defaultCompare(a, b) {
  return a === b;
}

// src/backoff.ts
var STEPS_MS = [1, 2, 4, 8, 16, 30].map((seconds) => seconds * 1e3);
var Backoff = class {
  /** @param random gives a number from 0 to below 1. */
  constructor(random = Math.random) {
    this.random = random;
  }
  random;
  #failures = 0;
  /** Failures in a row. */
  get failures() {
    return this.#failures;
  }
  /** Count a failure; the milliseconds to wait after it. */
  next() {
    const step = STEPS_MS[Math.min(this.#failures++, STEPS_MS.length - 1)];
    return this.jitter(step);
  }
  /** Between half of it and all: clients that lost one server do not come back as one. */
  jitter(milliseconds) {
    return Math.round(milliseconds * (0.5 + this.random() / 2));
  }
  reset() {
    this.#failures = 0;
  }
};

// src/hello.ts
var LONGEST_URL = 4096;
function hello(url, position, channels) {
  if (!position) return { url, frame: { type: "connect", payload: { channels } }, hold: false };
  const { sequence, epoch } = position;
  const full = new URL(url);
  full.searchParams.set("last_sequence", String(sequence));
  full.searchParams.set("epoch", epoch);
  if (channels.length) full.searchParams.set("channels", channels.join(","));
  if (full.href.length <= LONGEST_URL) return { url: full.href, frame: null, hold: false };
  const payload = { last_sequence: sequence, epoch, channels };
  return { url, frame: { type: "connect", payload }, hold: true };
}

// src/pacer.ts
var WINDOW_MS = 6e4;
var DEFAULT_INTERVAL_MS = 2e3;
var Pacer = class {
  constructor(clock) {
    this.clock = clock;
  }
  clock;
  #intervalMs = DEFAULT_INTERVAL_MS;
  #startedAt = -Infinity;
  #notBefore = 0;
  /** Milliseconds until the next request may start. */
  get wait() {
    const next = Math.max(this.#startedAt + this.#intervalMs, this.#notBefore);
    return Math.max(0, next - Date.now());
  }
  /** A request starts now. */
  start() {
    this.#startedAt = Date.now();
  }
  /** Take what a response says of the limit. */
  read(headers) {
    const retryAfter = Number(headers.get("Retry-After"));
    if (retryAfter > 0) this.pause(retryAfter * 1e3);
    const remaining = headers.get("X-RateLimit-Remaining");
    const reset = Number(headers.get("X-RateLimit-Reset"));
    if (remaining === null || !reset) return;
    const left = Math.min(Math.max(reset * 1e3 - this.clock.now(), 0), WINDOW_MS);
    if (Number(remaining) > 0) this.#intervalMs = left / Number(remaining);
    else this.pause(left);
  }
  /** Make no request for so many milliseconds. */
  pause(milliseconds) {
    this.#notBefore = Math.max(this.#notBefore, Date.now() + milliseconds);
  }
};

// src/http.ts
var SEND_MS = 15e3;
var POLL_SLACK_MS = 1e4;
var ERROR_CODE = { 401: "INVALID_TOKEN", 403: "FORBIDDEN", 404: "NOT_FOUND", 429: "RATE_LIMITED" };
var Http = class {
  /** @param apiUrl the base of the REST API, with a slash at its end. */
  constructor(fetch, apiUrl, clock, log) {
    this.fetch = fetch;
    this.apiUrl = apiUrl;
    this.clock = clock;
    this.log = log;
    this.pacer = new Pacer(clock);
  }
  fetch;
  apiUrl;
  clock;
  log;
  /** Of polls; `send` has a limit of its own that one page does not reach. */
  pacer;
  /**
   * @throws RequestError the server refused; anything else: nobody answered.
   */
  async poll(question, token, signal) {
    const url = new URL("realtime/poll", this.apiUrl);
    for (const [name, value] of Object.entries(question)) url.searchParams.set(name, String(value));
    this.log.note(`GET ${url.pathname}${url.search}`);
    this.pacer.start();
    const patience = (question.timeout ?? 0) * 1e3 + POLL_SLACK_MS;
    const answer = await inTime(patience, signal, async (limited) => {
      const response = await this.#ask(url, token, { signal: limited });
      this.pacer.read(response.headers);
      return readJson(response);
    });
    this.log.in(answer);
    return answer;
  }
  /** Why a handshake was refused, as far as a poll is refused for the same reason. */
  async whyRefused(userId, token) {
    const question = { user_id: userId, last_poll_id: 0, timeout: 0, limit: 1 };
    try {
      await this.poll(question, token, new AbortController().signal);
    } catch (error) {
      if (error instanceof RequestError) return error;
    }
    return null;
  }
  /**
   * One command, and its `ack` or `error` frame.
   *
   * @throws RequestError the server refused it unread; anything else: nobody answered.
   */
  async send(command, token, signal) {
    this.log.out(command);
    const url = new URL("realtime/send", this.apiUrl);
    const body = JSON.stringify(command);
    const frame = await inTime(SEND_MS, signal, async (limited) => {
      const init = { method: "POST", body, signal: limited };
      return readJson(await this.#ask(url, token, init), { envelope: true });
    });
    this.log.in(frame);
    return frame;
  }
  async #ask(url, token, init) {
    const headers = {
      Accept: "application/json",
      Authorization: `Bearer ${token}`,
      ...init.body ? { "Content-Type": "application/json" } : {}
    };
    const { fetch } = this;
    const response = await fetch(url, { ...init, headers, cache: "no-store" });
    this.clock.set(response.headers.get("Date"));
    return response;
  }
};
async function readJson(response, { envelope = false } = {}) {
  if (response.ok) return response.json();
  const body = await response.json().catch(() => ({}));
  if (envelope && body.type === "error") return body;
  const { status } = response;
  const code = body.code ?? ERROR_CODE[status] ?? "INTERNAL_ERROR";
  const details = { ...body.details };
  const retryAfter = Number(response.headers.get("Retry-After"));
  if (retryAfter > 0) details["retry_after"] = retryAfter;
  throw new RequestError(
    code,
    body.message ?? `The server answered ${status}`,
    details
  );
}
async function inTime(milliseconds, signal, request) {
  const controller = new AbortController();
  const abort = () => controller.abort();
  const timer = setTimeout(abort, milliseconds);
  signal.addEventListener("abort", abort);
  try {
    signal.throwIfAborted();
    return await request(controller.signal);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
  }
}

// src/page.ts
function watchPage(changed) {
  if (typeof window === "undefined" || typeof document === "undefined") return () => void 0;
  const shown = () => {
    if (document.visibilityState === "visible") changed();
  };
  const events = ["online", "offline", "pageshow"];
  for (const event of events) window.addEventListener(event, changed);
  document.addEventListener("visibilitychange", shown);
  return () => {
    for (const event of events) window.removeEventListener(event, changed);
    document.removeEventListener("visibilitychange", shown);
  };
}
function isOffline() {
  return globalThis.navigator?.onLine === false;
}

// src/polling.ts
var WAIT_SECONDS = 25;
var UNSAID_PAUSE_MS = 5e3;
var Polling = class {
  constructor(terms) {
    this.terms = terms;
    this.#backoff = new Backoff(terms.random);
  }
  terms;
  #backoff;
  #stopped = false;
  #asking = new AbortController();
  #resting = new AbortController();
  #asked = null;
  #token = "";
  #ready = false;
  #recovered = true;
  /** Poll until `stop()`. */
  async run() {
    while (!this.#stopped) {
      const asking = this.#asking = new AbortController();
      try {
        await this.#step(asking.signal);
        this.#backoff.reset();
      } catch (error) {
        if (this.#stopped) return;
        if (!asking.signal.aborted) await this.#failed(error);
      }
    }
  }
  stop() {
    this.#stopped = true;
    this.#asking.abort();
    this.#resting.abort();
  }
  /** The network may be back: do not wait to try again. */
  hurry() {
    this.#backoff.reset();
    this.#resting.abort();
  }
  async #step(signal) {
    const token = this.#token = await this.terms.token();
    if (!this.terms.session.cursor.position) return this.#hello(token, signal);
    await sleep(this.terms.http.pacer.wait, signal);
    signal.throwIfAborted();
    return this.#poll(token, signal);
  }
  /** Where to begin: the same hello as on a socket. A poll would tell everything ever kept. */
  async #hello(token, signal) {
    const { http, session } = this.terms;
    const payload = { channels: session.subscriptions.channels };
    const frame = await http.send({ type: "connect", payload }, token, signal);
    if (signal.aborted) return;
    if (frame.type !== "connect") throw RequestError.from(frame.payload);
    this.#ready = true;
    const reply = frame.payload;
    session.established(reply, this.#transmit);
    this.terms.onReady();
    if (this.#stopped) return;
    session.receive(frame);
    session.announce(reply.recovered);
  }
  async #poll(token, signal) {
    const { http, session } = this.terms;
    const { sequence, epoch } = session.cursor.position;
    const channels = this.#asked = session.subscriptions.toPoll.join(",");
    const question = {
      ...{ user_id: this.terms.userId(), last_poll_id: sequence, epoch },
      timeout: this.#ready ? WAIT_SECONDS : 0,
      ...channels ? { channels } : {}
    };
    const answer = await http.poll(question, token, signal).finally(() => this.#asked = null);
    if (signal.aborted) return;
    session.polled(answer);
    if (answer.resync) this.#recovered = false;
    if (this.#ready || answer.has_more || this.#stopped) return;
    this.#ready = true;
    session.resumed(this.#transmit);
    this.terms.onReady();
    if (this.#stopped) return;
    session.announce(this.#recovered);
    this.#recovered = true;
  }
  #transmit = async (command) => {
    let frame;
    try {
      frame = await this.#send(command);
    } catch (error) {
      if (isRefusal(error)) throw error;
      if (!this.#stopped) this.#unreachable(error);
      throw new Error("There was no answer", { cause: error });
    }
    this.terms.session.receive(frame);
    const { toPoll } = this.terms.session.subscriptions;
    if (this.#asked !== null && toPoll.join(",") !== this.#asked) this.#asking.abort();
  };
  async #send(command) {
    const { http, onUnauthorised } = this.terms;
    const { signal } = new AbortController();
    const token = await this.terms.token();
    try {
      return await http.send(command, token, signal);
    } catch (error) {
      const unauthorised = error instanceof RequestError && error.unauthorised;
      if (!unauthorised || this.#stopped || !onUnauthorised(error, token)) throw error;
      return http.send(command, await this.terms.token(), signal);
    }
  }
  async #failed(error) {
    const { session, http, onEnd, onUnauthorised } = this.terms;
    if (error instanceof RequestError) {
      if (error instanceof SessionOver || error.code === "FORBIDDEN") return onEnd(error);
      if (error.unauthorised && onUnauthorised(error, this.#token)) return;
      if (this.#stopped) return;
      if (error.code === "RATE_LIMITED") {
        return http.pacer.pause(error.retryAfter * 1e3 || UNSAID_PAUSE_MS);
      }
      const channel = String(error.details["channel"]);
      const isAbout = error.code === "CHANNEL_NOT_FOUND";
      if (isAbout && session.subscriptions.refuse(channel, error)) return;
    }
    this.#unreachable(error);
    this.#resting = new AbortController();
    await sleep(this.#backoff.next(), this.#resting.signal);
  }
  #unreachable(error) {
    this.#ready = false;
    this.#asking.abort();
    this.terms.onFailing(error);
  }
};
function isRefusal(error) {
  return error instanceof RequestError && error.code !== "INTERNAL_ERROR";
}
function sleep(milliseconds, signal) {
  if (milliseconds <= 0 || signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener("abort", done);
  });
}

// src/renewal.ts
var RETRY_MS = 1e4;
var Renewal = class {
  /** @param onEnd called when there will be no other token. */
  constructor(tokens, session, onEnd) {
    this.tokens = tokens;
    this.session = session;
    this.onEnd = onEnd;
  }
  tokens;
  session;
  onEnd;
  #timer;
  /** Raised by `stop`: what was begun before leads nowhere. */
  #run = 0;
  /** A socket is open with the token of now. */
  start() {
    this.#again(this.tokens.renewIn);
  }
  /** Tell the server of this token now. */
  authenticate(token) {
    const run = this.#run;
    this.session.ask("authenticate", { token }).subscribe({
      next: () => this.#again(this.tokens.renewIn),
      // If it stays so the server closes, which says what to do.
      error: () => {
        if (run === this.#run && this.tokens.renewable) this.#again(RETRY_MS);
      }
    });
  }
  /** The socket is gone. */
  stop() {
    this.#run += 1;
    clearTimeout(this.#timer);
  }
  #again(milliseconds) {
    clearTimeout(this.#timer);
    if (milliseconds !== null) this.#timer = setTimeout(() => void this.#renew(), milliseconds);
  }
  async #renew() {
    const run = this.#run;
    try {
      const token = await this.tokens.renew();
      if (run === this.#run) this.authenticate(token);
    } catch (error) {
      if (run !== this.#run) return;
      if (error instanceof SessionOver) this.onEnd(error);
      else this.#again(RETRY_MS);
    }
  }
};

// src/socket.ts
var HEARTBEAT_MS = 25e3;
var SILENCE_MS = 1e4;
var NORMAL = 1e3;
var ABNORMAL = 1006;
var Socket = class {
  #socket;
  #terms;
  #opened = false;
  #ended = false;
  #watchdog;
  #heartbeat;
  /** @throws whatever the constructor does, as where the page may not open sockets. */
  constructor(create, terms) {
    this.#terms = terms;
    const { pathname, search } = new URL(terms.url);
    terms.log.note(`open ${pathname}${search}`);
    this.#socket = new create(terms.url, ["socialhub.v1", `bearer.${terms.token}`]);
    this.#socket.onopen = () => this.#open();
    this.#socket.onmessage = ({ data }) => this.#receive(String(data));
    this.#socket.onclose = ({ code }) => this.#end(code);
    this.#socket.onerror = () => void 0;
    this.#expectFrame();
  }
  send(command) {
    if (this.#ended) return;
    this.#terms.log.out(command);
    this.#socket.send(JSON.stringify(command));
  }
  /** See whether it still works: the network may have changed, or the page slept. */
  probe() {
    if (!this.#opened || this.#ended) return;
    this.#expectFrame();
    this.send({ type: "heartbeat", payload: { timestamp: (/* @__PURE__ */ new Date()).toISOString() } });
  }
  /** Close it, telling nobody. */
  close() {
    this.#stop();
    this.#socket.close(NORMAL);
  }
  #open() {
    if (this.#ended) return;
    this.#opened = true;
    this.#expectFrame();
    if (this.#terms.hello) this.send(this.#terms.hello);
    this.#heartbeat = setInterval(() => this.probe(), HEARTBEAT_MS);
  }
  #receive(text) {
    if (this.#ended) return;
    clearTimeout(this.#watchdog);
    const frame = JSON.parse(text);
    this.#terms.log.in(frame);
    this.#terms.onFrame(frame);
  }
  #expectFrame() {
    clearTimeout(this.#watchdog);
    this.#watchdog = setTimeout(() => {
      this.#terms.log.note("no answer");
      this.#socket.close();
      this.#end(ABNORMAL);
    }, SILENCE_MS);
  }
  #end(code) {
    if (this.#ended) return;
    this.#stop();
    this.#terms.log.note(`closed with ${code}`);
    this.#terms.onEnd(code, this.#opened);
  }
  #stop() {
    this.#ended = true;
    clearTimeout(this.#watchdog);
    clearInterval(this.#heartbeat);
  }
};

// src/status.ts
var ConnectionStatus = /* @__PURE__ */ ((ConnectionStatus2) => {
  ConnectionStatus2["DISCONNECTED"] = "disconnected";
  ConnectionStatus2["CONNECTING"] = "connecting";
  ConnectionStatus2["CONNECTED"] = "connected";
  ConnectionStatus2["RECONNECTING"] = "reconnecting";
  ConnectionStatus2["POLLING"] = "polling";
  ConnectionStatus2["OFFLINE"] = "offline";
  ConnectionStatus2["ENDED"] = "ended";
  return ConnectionStatus2;
})(ConnectionStatus || {});

// src/tokens.ts
var LONGEST_TIMER = 2 ** 31 - 1;
var EXPIRES_SOON_MS = 1e4;
var GET_TOKEN_MS = 3e4;
var RENEW_AT = 0.75;
var TRIAL_MS = 6e4;
function readClaims(token) {
  try {
    const part = token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/");
    const bytes = Uint8Array.from(atob(part), (character) => character.charCodeAt(0));
    const { user_id: id, exp } = JSON.parse(new TextDecoder().decode(bytes));
    return {
      userId: id === void 0 || id === null ? void 0 : String(id),
      expiresAt: typeof exp === "number" ? exp * 1e3 : void 0
    };
  } catch {
    return { userId: void 0, expiresAt: void 0 };
  }
}
var Tokens = class {
  constructor(clock, getToken) {
    this.clock = clock;
    this.getToken = getToken;
  }
  clock;
  getToken;
  #token = "";
  #refused = false;
  #onTrialSince = -Infinity;
  #under = null;
  /** Whether there can be another token than the one that was given. */
  get renewable() {
    return this.getToken !== void 0;
  }
  /** The last one, whether or not it holds. */
  get latest() {
    return this.#token;
  }
  /** Begin with this one, as given to `connect()`; empty: fetch one when it is needed. */
  begin(token) {
    this.#onTrialSince = -Infinity;
    this.use(token);
  }
  /** From now on this one. */
  use(token) {
    this.#token = token;
    this.#refused = false;
  }
  /**
   * The server does not take this one.
   *
   * @returns whether another may be tried: `current` will give it.
   */
  refuse(token) {
    if (!this.renewable) return false;
    if (token !== this.#token || this.#refused) return true;
    if (Date.now() < this.#onTrialSince + TRIAL_MS) return false;
    this.#onTrialSince = Date.now();
    return this.#refused = true;
  }
  /**
   * A token that should hold.
   *
   * @throws SessionOver there is none and there will be none.
   */
  async current() {
    if (this.renewable && !this.#holds()) return this.renew();
    if (!this.#token) throw new SessionOver("MISSING_TOKEN", "There is no token");
    return this.#token;
  }
  /**
   * A fresh token; one call of `getToken` for all who ask at once.
   *
   * @throws SessionOver `getToken` rejected with a `status` of 401 or 403, or gave nothing.
   *   Whatever else it rejects with may pass.
   */
  renew() {
    this.#under ??= this.#renew().finally(() => this.#under = null);
    return this.#under;
  }
  async #renew() {
    let token;
    try {
      token = await inTime2(this.getToken());
    } catch (error) {
      const status = error?.status;
      if (status !== 401 && status !== 403) throw error;
      throw new SessionOver("INVALID_TOKEN", "getToken() was refused: the session is over");
    }
    if (!token) throw new SessionOver("MISSING_TOKEN", "getToken() gave no token");
    this.use(token);
    return token;
  }
  /** Milliseconds until the token should be renewed; null if it cannot or need not be. */
  get renewIn() {
    const { expiresAt } = readClaims(this.#token);
    if (!this.renewable || expiresAt === void 0) return null;
    const left = expiresAt - this.clock.now();
    return Math.min(Math.max(left * RENEW_AT, 1e3), LONGEST_TIMER);
  }
  #holds() {
    if (!this.#token || this.#refused) return false;
    const { expiresAt } = readClaims(this.#token);
    return expiresAt === void 0 || expiresAt - this.clock.now() > EXPIRES_SOON_MS;
  }
};
async function inTime2(token) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(
      () => reject(new RequestError("TIMEOUT", "getToken() took too long")),
      GET_TOKEN_MS
    );
  });
  try {
    return await Promise.race([token, late]);
  } finally {
    clearTimeout(timer);
  }
}

// ../schema/realtime.ts
var CloseCode = {
  NORMAL: 1e3,
  MESSAGE_TOO_BIG: 1009,
  INTERNAL_ERROR: 1011,
  RECONNECT: 4e3,
  GOING_AWAY: 4001,
  TOO_SLOW: 4002,
  TOKEN_EXPIRED: 4501,
  ACCOUNT_DISABLED: 4503,
  FLOODING: 4529
};

// src/connection.ts
var SOCKET_RETRY_MS = 3e4;
var STABLE_MS = 1e4;
var Connection = class {
  /** @param onUp called whenever there is a connection again. */
  constructor(settings, session, onUp) {
    this.settings = settings;
    this.session = session;
    this.onUp = onUp;
    this.#tokens = new Tokens(session.clock, settings.getToken);
    this.#http = new Http(settings.fetch, settings.apiUrl, session.clock, session.log);
    this.#backoff = new Backoff(settings.random);
    this.#renewal = new Renewal(this.#tokens, session, (error) => this.#end({ error }));
  }
  settings;
  session;
  onUp;
  state$ = new BehaviorSubject({
    status: "disconnected" /* DISCONNECTED */
  });
  #tokens;
  #http;
  #backoff;
  #renewal;
  #userId = "";
  #socket = null;
  #polling = null;
  /** Raised when what is under way shall lead nowhere. */
  #run = 0;
  #active = false;
  #wasUp = false;
  #socketUpSince = null;
  #notBefore = 0;
  #goodbye = null;
  #retryTimer;
  #unwatch = () => void 0;
  // --- what the service asks -----------------------------------------------------------
  /** Whether this is not the user who is, or was, connected. */
  isAnother(token, userId) {
    const user = userId || readClaims(token).userId || this.#userId;
    return this.#userId !== "" && user !== this.#userId;
  }
  /** Connect as this user; with a new token for the same one only that changes. */
  start(token, userId) {
    this.#userId = userId || readClaims(token).userId || this.#userId;
    if (this.#active) {
      if (token) this.#useToken(token);
      return;
    }
    this.#tokens.begin(token);
    this.#active = true;
    this.#wasUp = false;
    this.#notBefore = 0;
    this.#backoff.reset();
    this.#unwatch = watchPage(() => this.#changed());
    void this.#attempt();
  }
  #useToken(token) {
    this.#tokens.use(token);
    if (this.#socketUpSince !== null) this.#renewal.authenticate(token);
  }
  /** Close, and forget who it was. */
  stop() {
    this.#socket?.send({ type: "disconnect" });
    this.#halt();
    this.session.end(new RequestError("DISCONNECTED", "disconnect() was called"));
    this.session.forget();
    this.#userId = "";
    this.#show({ status: "disconnected" /* DISCONNECTED */ });
  }
  /** Lose the connection, and stay away for so many milliseconds. */
  interrupt(milliseconds) {
    if (!this.#active) return;
    this.session.log.note(`interrupted for ${milliseconds} ms`);
    this.#stopPolling();
    this.#stayAway(milliseconds);
    this.#dropSocket();
    this.session.lost();
    this.#retryAfterPause({ closeCode: ABNORMAL });
  }
  // --- one attempt ---------------------------------------------------------------------
  async #attempt() {
    clearTimeout(this.#retryTimer);
    const run = ++this.#run;
    if (!this.#polling) this.#show({ status: this.#trying });
    try {
      const token = await this.#tokens.current();
      if (run !== this.#run) return;
      this.#userId ||= readClaims(token).userId ?? "";
      this.#open(token);
    } catch (error) {
      if (run !== this.#run) return;
      if (error instanceof SessionOver) this.#end({ error });
      else this.#failed(error instanceof RequestError ? { error } : {});
    }
  }
  #open(token) {
    const { webSocket, socketUrl } = this.settings;
    const { cursor, subscriptions, log } = this.session;
    if (!webSocket) return this.#startPolling();
    const { url, frame, hold } = hello(socketUrl, cursor.position, subscriptions.channels);
    this.#goodbye = null;
    const onFrame = (received) => this.#receive(received);
    const onEnd = (code, opened) => this.#ended(code, opened);
    try {
      this.#socket = new Socket(webSocket, { url, token, hello: frame, log, onFrame, onEnd });
      this.session.begin(hold);
    } catch (error) {
      log.note(`no socket: ${String(error)}`);
      this.#startPolling();
    }
  }
  #receive(frame) {
    if (frame.type === "disconnect") {
      this.#goodbye = frame.payload;
      this.#stayAway(this.#goodbye.reconnect_after_ms ?? 0);
    }
    if (frame.type !== "connect" || this.#socketUpSince !== null) {
      this.session.receive(frame);
      return;
    }
    this.#stopPolling();
    this.#socketUpSince = Date.now();
    const reply = frame.payload;
    this.session.established(reply, (command) => this.#socket?.send(command));
    this.#renewal.start();
    this.#up("connected" /* CONNECTED */);
    if (!this.#active) return;
    this.session.receive(frame);
    this.session.announce(reply.recovered);
  }
  #up(status) {
    this.#wasUp = true;
    this.#show({ status });
    this.onUp();
  }
  // --- how it ends, and what comes next ------------------------------------------------
  #ended(code, opened) {
    this.#socket = null;
    const closeCode = this.#goodbye?.reconnect === false ? this.#goodbye.code : code;
    if (closeCode === CloseCode.TOKEN_EXPIRED) {
      const error = new RequestError("TOKEN_EXPIRED", this.#goodbye?.reason ?? "token expired");
      this.#lostSocket();
      if (this.#mayTryAnother(this.#tokens.latest, { error, closeCode })) void this.#attempt();
    } else if (closeCode >= 4500 && closeCode <= 4999) {
      this.#end({ closeCode });
    } else if (!opened && !this.#polling) {
      void this.#askWhy(closeCode);
    } else {
      this.#failed({ closeCode });
    }
  }
  /** A browser does not tell why a handshake was refused. A poll does. */
  async #askWhy(closeCode) {
    const run = ++this.#run;
    const token = this.#tokens.latest;
    const error = await this.#http.whyRefused(this.#userId, token);
    if (run !== this.#run) return;
    if (error?.code === "FORBIDDEN") {
      this.#end({ error });
    } else if (error?.unauthorised) {
      if (this.#mayTryAnother(token, { error })) void this.#attempt();
    } else {
      this.#stayAway((error?.retryAfter ?? 0) * 1e3);
      this.#failed({ closeCode, ...error ? { error } : {} });
    }
  }
  /** Whether there may be a token that is taken, where this one was not; if not, it has ended. */
  #mayTryAnother(token, ending) {
    const may = this.#tokens.refuse(token);
    if (!may) this.#end(ending);
    return may;
  }
  #failed(ending) {
    this.#lostSocket();
    this.#retryAfterPause(ending);
  }
  #lostSocket() {
    const since = this.#socketUpSince;
    if (since !== null && Date.now() >= since + STABLE_MS) this.#backoff.reset();
    this.#dropSocket();
    if (!this.#polling) this.session.lost();
  }
  #retryAfterPause(ending) {
    const { failures } = this.#backoff;
    const pause = this.#polling ? this.#backoff.jitter(SOCKET_RETRY_MS) : this.#backoff.next();
    const retryAt = Math.max(Date.now() + pause, this.#notBefore);
    const enough = failures + 1 >= this.settings.attemptsBeforePolling;
    if (!this.#polling && enough && Date.now() >= this.#notBefore) this.#startPolling();
    else this.#retryTimer = setTimeout(() => void this.#attempt(), retryAt - Date.now());
    if (!this.#polling) this.#show({ status: this.#trying, retryAt, ...ending });
  }
  #end(ending) {
    this.#halt();
    const reason = "The server has ended the connection";
    this.session.end(ending.error ?? new RequestError("DISCONNECTED", reason));
    this.#show({ status: "ended" /* ENDED */, ...ending });
  }
  #halt() {
    this.#active = false;
    this.#run += 1;
    this.#unwatch();
    this.#stopPolling();
    this.#dropSocket();
  }
  #dropSocket() {
    this.#run += 1;
    this.#socket?.close();
    this.#socket = null;
    this.#socketUpSince = null;
    clearTimeout(this.#retryTimer);
    this.#renewal.stop();
  }
  // --- polls ---------------------------------------------------------------------------
  /** Poll, and try a socket again now and then. */
  #startPolling() {
    const pause = this.#backoff.jitter(SOCKET_RETRY_MS);
    if (this.settings.webSocket) {
      this.#retryTimer = setTimeout(() => void this.#attempt(), pause);
    }
    if (this.#polling) return;
    this.#polling = new Polling({
      http: this.#http,
      session: this.session,
      random: this.settings.random,
      userId: () => this.#userId,
      token: () => this.#tokens.current(),
      onReady: () => this.#up("polling" /* POLLING */),
      onFailing: (error) => {
        this.session.lost();
        const known = error instanceof RequestError ? { error } : {};
        this.#show({ status: "offline" /* OFFLINE */, ...known });
      },
      onUnauthorised: (error, token) => this.#mayTryAnother(token, { error }),
      onEnd: (error) => this.#end({ error })
    });
    void this.#polling.run();
  }
  #stopPolling() {
    this.#polling?.stop();
    this.#polling = null;
  }
  // --- small things --------------------------------------------------------------------
  get #trying() {
    if (isOffline()) return "offline" /* OFFLINE */;
    return this.#wasUp ? "reconnecting" /* RECONNECTING */ : "connecting" /* CONNECTING */;
  }
  #show(state) {
    this.state$.next(state);
  }
  #stayAway(milliseconds) {
    this.#notBefore = Math.max(this.#notBefore, Date.now() + milliseconds);
  }
  /** The page was shown again, or the network has changed. */
  #changed() {
    if (this.#socket) {
      this.#socket.probe();
    } else if (!isOffline() && Date.now() >= this.#notBefore) {
      this.#polling?.hurry();
      void this.#attempt();
    }
  }
};

// src/options.ts
function complete(options) {
  const page = globalThis.location?.href ?? "http://localhost/";
  const socketUrl = new URL(options.url ?? "/ws", page);
  socketUrl.protocol = socketUrl.protocol.replace("http", "ws");
  const origin = socketUrl.href.replace(/^ws/, "http");
  const apiUrl = new URL(options.apiUrl ?? "/api/v1/", options.apiUrl ? page : origin);
  return {
    socketUrl: socketUrl.href,
    apiUrl: apiUrl.href.replace(/\/?$/, "/"),
    getToken: options.getToken,
    channels: options.channels ?? [],
    queueLimit: options.queueLimit ?? 100,
    attemptsBeforePolling: options.attemptsBeforePolling ?? 10,
    awayAfterMs: options.awayAfterMs ?? 0,
    webSocket: options.webSocket ?? globalThis.WebSocket,
    fetch: options.fetch ?? globalThis.fetch,
    random: options.random ?? Math.random
  };
}

// src/presence.ts
var SHARED_EVERY_MS = 5e3;
var SIGNS = ["pointerdown", "pointermove", "keydown", "wheel", "touchstart"];
var Presence = class {
  /**
   * @param awayAfterMs without a sign of anybody; 0: never.
   * @param changed called when there is another `status` to tell.
   */
  constructor(awayAfterMs, changed) {
    this.awayAfterMs = awayAfterMs;
    this.changed = changed;
  }
  awayAfterMs;
  changed;
  #chosen = null;
  #away = false;
  #timer;
  #sharedAt = -Infinity;
  #tabs = null;
  /** What a new connection has to be told; null if nothing. */
  get status() {
    if (this.#away && this.#chosen !== "busy") return "away";
    return this.#chosen;
  }
  choose(status) {
    this.#chosen = status;
    this.changed();
  }
  /** Look for signs of somebody, in a browser. */
  start() {
    this.stop();
    if (!this.awayAfterMs || typeof document === "undefined") return;
    for (const sign of SIGNS) document.addEventListener(sign, this.#seen, { passive: true });
    document.addEventListener("visibilitychange", this.#shown);
    if (typeof BroadcastChannel !== "undefined") {
      this.#tabs = new BroadcastChannel("socialhub.realtime.presence");
      this.#tabs.onmessage = () => this.#somebody();
    }
    this.#somebody();
  }
  stop() {
    clearTimeout(this.#timer);
    if (typeof document === "undefined") return;
    for (const sign of SIGNS) document.removeEventListener(sign, this.#seen);
    document.removeEventListener("visibilitychange", this.#shown);
    this.#tabs?.close();
    this.#tabs = null;
  }
  /** As if nothing had been chosen. */
  forget() {
    this.#chosen = null;
    this.#away = false;
  }
  #shown = () => {
    if (document.visibilityState === "visible") this.#seen();
  };
  #seen = () => {
    if (document.visibilityState !== "visible") return;
    const now = Date.now();
    if (!this.#away && now < this.#sharedAt + Math.min(SHARED_EVERY_MS, this.awayAfterMs / 2)) return;
    this.#sharedAt = now;
    this.#tabs?.postMessage(null);
    this.#somebody();
  };
  #somebody() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#nobody(), this.awayAfterMs);
    if (!this.#away) return;
    this.#away = false;
    this.#chosen ??= "online";
    if (this.#chosen !== "busy") this.changed();
  }
  #nobody() {
    this.#away = true;
    if (this.#chosen !== "busy") this.changed();
  }
};

// src/clock.ts
var ServerClock = class {
  #ahead = 0;
  /** Milliseconds since 1970, by the server. */
  now() {
    return Date.now() + this.#ahead;
  }
  /** @param text a time that the server gave just now: RFC 3339, or an HTTP date. */
  set(text) {
    const time = Date.parse(text ?? "");
    if (!Number.isNaN(time)) this.#ahead = time - Date.now();
  }
};

// src/cursor.ts
var REMEMBERED_IDS = 2e3;
var Cursor = class {
  /** Null until the first `connect` reply: before it there is nothing to recover from. */
  position$ = new BehaviorSubject(null);
  #seen = /* @__PURE__ */ new Set();
  get position() {
    return this.position$.value;
  }
  /** Stand exactly here, as a `connect` reply, a `resync` or a poll says. */
  place(sequence, epoch) {
    const { position } = this;
    if (position?.sequence === sequence && position.epoch === epoch) return;
    this.position$.next({ sequence, epoch });
  }
  /** Move forward, if it is forward, within the same log. */
  advance(sequence) {
    const { position } = this;
    if (position && sequence > position.sequence) this.place(sequence, position.epoch);
  }
  /** Whether this event comes for the first time. */
  isNew(id) {
    if (this.#seen.has(id)) return false;
    this.#seen.add(id);
    if (this.#seen.size > REMEMBERED_IDS) this.#seen.delete(this.#seen.values().next().value);
    return true;
  }
  forget() {
    this.#seen.clear();
    if (this.position) this.position$.next(null);
  }
};

// src/frames.ts
var FrameLog = class {
  frames$ = new Subject();
  in(frame) {
    this.#add("in", frame);
  }
  out(frame) {
    const { type } = frame;
    this.#add("out", type === "authenticate" ? { ...frame, payload: { token: "…" } } : frame);
  }
  note(text) {
    if (this.frames$.observed) this.frames$.next({ direction: "note", at: /* @__PURE__ */ new Date(), text });
  }
  #add(direction, frame) {
    if (!this.frames$.observed) return;
    this.frames$.next({ direction, at: /* @__PURE__ */ new Date(), frame, text: JSON.stringify(frame) });
  }
};

// src/ids.ts
function uuid() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = bytes[6] & 15 | 64;
  bytes[8] = bytes[8] & 63 | 128;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

// src/outbox.ts
var FRAMES_PER_SECOND = 80;
var MAX_FRAME_BYTES = 64 * 1024;
var FLEETING = /* @__PURE__ */ new Set(["typing_start", "typing_stop", "heartbeat"]);
var REPEATABLE = /* @__PURE__ */ new Set(["message", "notification_read", "read_receipt"]);
var Outbox = class {
  /** @param limit how many commands may wait for a connection. */
  constructor(limit) {
    this.limit = limit;
  }
  limit;
  #waiting = [];
  #sent = /* @__PURE__ */ new Map();
  #transmit = null;
  #busy = false;
  #lastAck = 0;
  #second = 0;
  #inSecond = 0;
  /** While it is set nothing is sent. */
  #pumpTimer;
  /**
   * Send a command, now or when there is a connection.
   *
   * @returns its answer, once; it completes without one where nobody waits for it.
   * @throws RequestError INVALID_MESSAGE (too big) or QUEUE_FULL: it is not sent.
   */
  add(command, terms = {}) {
    const entry = this.#entry(command, terms);
    if (!this.#transmit && entry.fleeting) {
      entry.answer.error(new RequestError("DISCONNECTED", "There is no connection"));
      return entry.answer;
    }
    if (!entry.fleeting && this.#waiting.length >= this.limit) {
      throw new RequestError("QUEUE_FULL", `${this.limit} commands wait for a connection`);
    }
    if (terms.timeoutMs !== void 0) {
      entry.timer = setTimeout(() => this.#timeOut(entry), terms.timeoutMs);
    }
    this.#waiting.push(entry);
    this.#pump();
    return entry.answer;
  }
  #entry(given, { timeoutMs, fleeting }) {
    const command = { ...given };
    if (command.type === "message") command.id ??= uuid();
    if (timeoutMs !== void 0 || command.type === "message") {
      command.ack_id ??= `ack_${++this.#lastAck}`;
    }
    if (new TextEncoder().encode(JSON.stringify(command)).length > MAX_FRAME_BYTES) {
      throw new RequestError("INVALID_MESSAGE", "A frame has at most 64 KiB");
    }
    const answer = new ReplaySubject(1);
    return { command, answer, fleeting: fleeting || FLEETING.has(command.type) };
  }
  /** There is a connection: send what has waited. */
  open(transmit) {
    this.#transmit = transmit;
    this.#pump();
  }
  /** The connection is gone. What may be repeated will be; what may not fails. */
  lost() {
    this.#transmit = null;
    const again = [...this.#sent.values()].filter(({ command }) => REPEATABLE.has(command.type));
    const kept = [...again, ...this.#waiting].filter(({ fleeting }) => !fleeting);
    this.#abandon(new RequestError("DISCONNECTED", "The connection was lost"), new Set(kept));
    this.#waiting = kept;
  }
  /** There will be no connection: everything fails. */
  clear(error) {
    this.#transmit = null;
    this.#abandon(error);
  }
  #abandon(error, kept = /* @__PURE__ */ new Set()) {
    clearTimeout(this.#pumpTimer);
    this.#pumpTimer = void 0;
    const entries = [...this.#sent.values(), ...this.#waiting];
    this.#sent.clear();
    this.#waiting = [];
    for (const entry of entries) if (!kept.has(entry)) this.#fail(entry, error);
  }
  /** Give an answer to whom it is for, if anybody. */
  settle(frame) {
    const entry = this.#sent.get(frame.ack_id ?? "");
    if (!entry) return;
    this.#sent.delete(frame.ack_id);
    if (frame.type === "error") {
      this.#refused(entry, RequestError.from(frame.payload));
      return;
    }
    clearTimeout(entry.timer);
    entry.answer.next(frame);
    entry.answer.complete();
  }
  #refused(entry, error) {
    if (error.code === "RATE_LIMITED" && error.retryAfter) {
      this.#waiting.unshift(entry);
      this.#pumpIn(error.retryAfter * 1e3);
    } else {
      this.#fail(entry, error);
    }
  }
  #timeOut(entry) {
    this.#waiting = this.#waiting.filter((one) => one !== entry);
    this.#sent.delete(entry.command.ack_id);
    entry.answer.error(new RequestError("TIMEOUT", "No answer came in time"));
  }
  #fail(entry, error) {
    clearTimeout(entry.timer);
    entry.answer.error(error);
  }
  #pumpIn(milliseconds) {
    clearTimeout(this.#pumpTimer);
    this.#pumpTimer = setTimeout(() => {
      this.#pumpTimer = void 0;
      this.#pump();
    }, milliseconds);
  }
  #pump() {
    while (this.#transmit && !this.#busy && !this.#pumpTimer && this.#waiting.length) {
      if (this.#overBudget()) return;
      this.#handOver(this.#transmit, this.#waiting.shift());
    }
  }
  #overBudget() {
    const now = Date.now();
    if (now >= this.#second + 1e3 || now < this.#second) {
      this.#second = now;
      this.#inSecond = 0;
    }
    if (this.#inSecond++ < FRAMES_PER_SECOND) return false;
    this.#pumpIn(this.#second + 1e3 - now);
    return true;
  }
  #handOver(transmit, entry) {
    const { command, answer } = entry;
    if (command.ack_id) this.#sent.set(command.ack_id, entry);
    const answered = transmit(command);
    if (!answered) {
      if (!command.ack_id) answer.complete();
      return;
    }
    this.#busy = true;
    answered.then(() => {
      if (!command.ack_id) answer.complete();
    }).catch((error) => this.#notTaken(entry, error)).finally(() => {
      this.#busy = false;
      this.#pump();
    });
  }
  /** A transport that answers at once has none: a refusal, or silence. */
  #notTaken(entry, error) {
    const { ack_id: ackId, type } = entry.command;
    if (ackId && !this.#sent.delete(ackId)) return;
    if (error instanceof RequestError) this.#refused(entry, error);
    else if (REPEATABLE.has(type) && !entry.fleeting) this.#waiting.unshift(entry);
    else this.#fail(entry, new RequestError("DISCONNECTED", "The server could not be reached"));
  }
};

// src/subscriptions.ts
var AUTOMATIC = "notifications";
var POLLED = /^(notifications$|conversation:)/;
var Subscriptions = class {
  /** @param channels those to begin with. */
  constructor(initial) {
    this.initial = initial;
    this.#wanted = new Set(initial);
  }
  initial;
  refused$ = new Subject();
  #wanted;
  #pending = /* @__PURE__ */ new Map();
  #leftAutomatic = false;
  #ask = null;
  /** What to name in a hello. */
  get channels() {
    return [...this.#wanted].filter((channel) => channel !== AUTOMATIC);
  }
  /** What to name in a poll. */
  get toPoll() {
    return this.channels.filter((channel) => !POLLED.test(channel));
  }
  /** Whether a polled event of this channel is for the page: some come unasked. */
  hears(channel) {
    if (channel === AUTOMATIC) return !this.#leftAutomatic;
    return channel === null || !POLLED.test(channel) || this.#wanted.has(channel);
  }
  /** Join `channel`, now and after every reconnect. Gives its snapshot, once. */
  add(channel) {
    if (channel === AUTOMATIC) this.#leftAutomatic = false;
    this.#wanted.add(channel);
    let pending = this.#pending.get(channel);
    if (!pending) {
      pending = new ReplaySubject(1);
      this.#pending.set(channel, pending);
      this.#join(channel);
    }
    return pending;
  }
  /** Leave `channel`. Gives the server's answer, once; at once while there is no connection. */
  remove(channel) {
    if (channel === AUTOMATIC) this.#leftAutomatic = true;
    this.#wanted.delete(channel);
    this.#pending.get(channel)?.complete();
    this.#pending.delete(channel);
    const left = new ReplaySubject(1);
    const done = () => {
      left.next({ channel });
      left.complete();
    };
    if (this.#ask) {
      this.#ask("unsubscribe", channel).subscribe({
        complete: done,
        // Without a connection it is left, too: the next hello does not name it.
        error: (error) => error.code === "DISCONNECTED" ? done() : left.error(error)
      });
    } else {
      done();
    }
    return left;
  }
  /** The user may not be in `channel`; false if nobody wanted to. */
  refuse(channel, error) {
    const wanted = this.#wanted.delete(channel);
    if (!wanted) return false;
    this.#pending.get(channel)?.error(error);
    this.#pending.delete(channel);
    this.refused$.next({ channel, error });
    return true;
  }
  /** There is a connection on which a hello was answered. */
  restored({ channels, refused = {}, last_sequence, epoch }, ask) {
    this.#ask = ask;
    for (const [channel, error] of Object.entries(refused)) {
      this.refuse(channel, RequestError.from(error));
    }
    for (const [channel, snapshot] of Object.entries(channels)) {
      this.#joined(channel, {
        channel,
        last_sequence,
        epoch,
        snapshot
      });
    }
    if (this.#leftAutomatic) ask("unsubscribe", AUTOMATIC).subscribe({ error: () => void 0 });
    for (const channel of this.channels) if (!(channel in channels)) this.#join(channel);
  }
  /** There is a connection without a hello: polls go on where a socket stood. */
  resumed(ask) {
    this.#ask = ask;
    for (const channel of this.#pending.keys()) this.#join(channel);
  }
  lost() {
    this.#ask = null;
  }
  /** Nobody will answer any more. */
  fail(error) {
    this.#ask = null;
    for (const pending of this.#pending.values()) pending.error(error);
    this.#pending.clear();
  }
  /** As at the beginning. */
  forget() {
    this.#leftAutomatic = false;
    this.#wanted.clear();
    for (const channel of this.initial) this.#wanted.add(channel);
  }
  #join(channel) {
    this.#ask?.("subscribe", channel).subscribe({
      next: (data) => this.#joined(channel, data),
      error: (error) => {
        if (error.code === "DISCONNECTED") return;
        if (error.code !== "TIMEOUT") this.refuse(channel, error);
        this.#pending.get(channel)?.error(error);
        this.#pending.delete(channel);
      }
    });
  }
  #joined(channel, data) {
    const pending = this.#pending.get(channel);
    this.#pending.delete(channel);
    pending?.next(data);
    pending?.complete();
  }
};

// src/session.ts
var ANSWER_MS = 1e4;
var Session = class {
  clock = new ServerClock();
  cursor = new Cursor();
  log = new FrameLog();
  outbox;
  subscriptions;
  /** Every frame that the server sent; events once. */
  frames$ = new Subject();
  resync$ = new Subject();
  recovered$ = new Subject();
  /** Whether there is a connection on which everything missed has arrived. */
  live = false;
  #cut = false;
  #returning = false;
  #missed = 0;
  #held = null;
  #recovering = false;
  /** Raised by `forget`, which whoever is told of an event may bring about. */
  #life = 0;
  constructor(channels, queueLimit) {
    this.outbox = new Outbox(queueLimit);
    this.subscriptions = new Subscriptions(channels);
  }
  // --- beginnings and ends of connections ----------------------------------------------
  /**
   * A hello is on its way.
   *
   * @param hold keep events back until it is answered: it goes in a frame, and live
   *   events may come before what was missed.
   */
  begin(hold) {
    this.#recovering = true;
    this.#held = hold ? [] : null;
  }
  /** A hello was answered: everything missed has arrived. `announce` comes next. */
  established(reply, transmit) {
    this.#returning = this.cursor.position !== null;
    this.#release();
    this.clock.set(reply.timestamp);
    this.cursor.place(reply.last_sequence, reply.epoch);
    this.#open(transmit);
    this.subscriptions.restored(reply, this.#ask);
  }
  /** Polls go on from where a socket stood, and everything missed has arrived. */
  resumed(transmit) {
    this.#returning = true;
    this.#open(transmit);
    this.subscriptions.resumed(this.#ask);
  }
  #open(transmit) {
    this.live = true;
    this.#recovering = false;
    this.outbox.open(transmit);
  }
  /** Say how it went with what was missed, once the status has been told. */
  announce(recovered) {
    const missed = this.#missed;
    this.#missed = 0;
    if (this.#returning && !recovered) this.resync$.next(this.cursor.position);
    else if (this.#cut) this.recovered$.next({ missed });
    this.#cut = false;
  }
  /** The connection is gone; there may be another. */
  lost() {
    this.#held = null;
    if (this.live) this.#cut = true;
    this.live = false;
    this.subscriptions.lost();
    this.outbox.lost();
  }
  /** There will be no other: who waits for an answer gets `error`. */
  end(error) {
    this.lost();
    this.subscriptions.fail(error);
    this.outbox.clear(error);
  }
  /** Begin anew, perhaps as somebody else. */
  forget() {
    this.#life += 1;
    this.cursor.forget();
    this.subscriptions.forget();
    this.#cut = false;
  }
  // --- commands ------------------------------------------------------------------------
  /** Ask something that only matters on this connection. Gives the ack's data. */
  ask(type, payload) {
    const terms = { timeoutMs: ANSWER_MS, fleeting: true };
    return this.outbox.add({ type, payload }, terms).pipe(map((frame) => frame.payload.data));
  }
  #ask = (type, channel) => this.ask(type, { channel });
  // --- what the server sends -----------------------------------------------------------
  /** Take a frame. The answer to a hello is for `established`, before it comes here. */
  receive(frame) {
    switch (frame.type) {
      case "heartbeat":
        this.#beaten(frame.payload);
        this.outbox.settle(frame);
        break;
      case "ack":
      case "error":
      case "connect":
        this.outbox.settle(frame);
        break;
      case "resync":
        this.#resynced(frame.payload);
        break;
      case "disconnect":
        break;
      default:
        if (this.#held) this.#held.push(frame);
        else this.#deliver(frame);
        return;
    }
    this.frames$.next(frame);
  }
  /** Take what a poll brought. */
  polled(answer) {
    const life = this.#life;
    for (const event of answer.events) {
      if (life !== this.#life) return;
      if (this.subscriptions.hears(event.channel)) this.#deliver(asEnvelope(event));
    }
    if (life !== this.#life) return;
    if (answer.epoch === this.cursor.position?.epoch && !answer.resync) {
      this.cursor.advance(answer.last_poll_id);
    } else {
      this.cursor.place(answer.last_poll_id, answer.epoch);
    }
    if (answer.resync && this.live) this.resync$.next(this.cursor.position);
  }
  #beaten({ timestamp, last_sequence }) {
    this.clock.set(timestamp);
    if (this.live) this.cursor.advance(last_sequence);
  }
  #resynced({ last_sequence, epoch }) {
    this.cursor.place(last_sequence, epoch);
    if (this.live && !this.#recovering) this.resync$.next(this.cursor.position);
  }
  #release() {
    const held = this.#held ?? [];
    this.#held = null;
    const bySequence = (frame) => frame.sequence ?? Infinity;
    held.sort((one, other) => bySequence(one) < bySequence(other) ? -1 : 1);
    for (const frame of held) this.#deliver(frame);
  }
  #deliver(frame) {
    if (this.cursor.isNew(frame.id)) {
      if (!this.live) this.#missed += 1;
      this.frames$.next(frame);
    }
    if (frame.sequence) this.cursor.advance(frame.sequence);
  }
};
function asEnvelope({ event_id: id, sequence, channel, type, payload, timestamp }) {
  return {
    ...{ id, type, payload, timestamp },
    ...channel === null ? {} : { channel },
    ...sequence === null ? {} : { sequence }
  };
}

// src/service.ts
var ANSWER_MS2 = 1e4;
var WebSocketService = class {
  /** The status and what is known besides; the current state first. */
  state$;
  /** The status; the current one first. */
  status$;
  /** Where this client stands in the log; the current position first, null before there is one. */
  position$;
  /** Events are missing: fetch by REST what is shown, it goes on from this position. */
  resync$;
  /** A lost connection is back, and so many events were missed, which have been told now. */
  recovered$;
  /** A channel that was subscribed to is not the user's, or not any longer. */
  refused$;
  /** Every frame in and out on either transport, tokens masked. */
  frames$;
  #session;
  #connection;
  #presence;
  /** @throws TypeError `url` or `apiUrl` is malformed. */
  constructor(options = {}) {
    const settings = complete(options);
    this.#session = new Session(settings.channels, settings.queueLimit);
    this.#connection = new Connection(settings, this.#session, () => this.#tellPresence());
    this.#presence = new Presence(settings.awayAfterMs, () => this.#tellPresence());
    this.state$ = this.#connection.state$.asObservable();
    this.status$ = this.state$.pipe(
      map(({ status }) => status),
      distinctUntilChanged()
    );
    this.position$ = this.#session.cursor.position$.asObservable();
    this.resync$ = this.#session.resync$.asObservable();
    this.recovered$ = this.#session.recovered$.asObservable();
    this.refused$ = this.#session.subscriptions.refused$.asObservable();
    this.frames$ = this.#session.log.frames$.asObservable();
  }
  /** The status now. */
  get status() {
    return this.#connection.state$.value.status;
  }
  /**
   * Connect and stay connected until `disconnect()`.
   *
   * Called again with another token of the same user it only changes the token;
   * with another user, it first disconnects.
   *
   * @param token an access token; may be left out where there is `getToken`.
   * @param userId whose token it is; left out, its `user_id` claim.
   */
  connect(token = "", userId = "") {
    if (this.#connection.isAnother(token, userId)) this.disconnect();
    this.#connection.start(token, userId);
    this.#presence.start();
  }
  /**
   * Close the connection and forget the user: channels, position, waiting commands.
   *
   * Who waits for an answer gets the error DISCONNECTED.
   */
  disconnect() {
    this.#presence.stop();
    this.#presence.forget();
    this.#connection.stop();
  }
  /**
   * Join a channel now, and again after every reconnect.
   *
   * It happens at the call, whether or not anybody subscribes to what it returns.
   *
   * @returns the channel's snapshot and its position, once. Errors: RequestError, as
   *   CHANNEL_NOT_FOUND; the channel is then forgotten.
   */
  subscribe(channel) {
    return this.#session.subscriptions.add(channel);
  }
  /** Leave a channel, at the call. @returns the server's answer, once. */
  unsubscribe(channel) {
    return this.#session.subscriptions.remove(channel);
  }
  /** Every frame of this type from now on; an event only once, however often it was sent. */
  on(type) {
    return this.#session.frames$.pipe(
      filter((frame) => frame.type === type)
    );
  }
  /**
   * Send a frame; while there is no connection it waits for one.
   *
   * Typing is not kept: it means nothing later. A `message` is sent again until it
   * has arrived, which its `id` makes safe.
   *
   * @throws RequestError QUEUE_FULL: too many wait; INVALID_MESSAGE: over 64 KiB.
   */
  send(msg) {
    this.#session.outbox.add(msg);
  }
  /**
   * Send a frame, at the call and once, and get its answer.
   *
   * @param timeoutMs how long to wait for it, in milliseconds, from the call.
   * @returns the `ack`, also for who subscribes later. Errors: RequestError with the
   *   server's code, or TIMEOUT, DISCONNECTED, QUEUE_FULL.
   */
  sendWithAck(msg, timeoutMs = ANSWER_MS2) {
    try {
      const answer = this.#session.outbox.add(msg, { timeoutMs });
      return answer;
    } catch (error) {
      return throwError(() => error);
    }
  }
  /** The user's own status, told again after every reconnect. */
  setPresence(status) {
    this.#presence.choose(status);
  }
  /** Lose the connection as if the network had, for so many milliseconds: for demos and tests. */
  interrupt(milliseconds) {
    this.#connection.interrupt(milliseconds);
  }
  #tellPresence() {
    const { status } = this.#presence;
    if (status && this.#session.live) {
      this.#session.ask("presence", { status }).subscribe({ error: () => void 0 });
    }
  }
};
export {
  CloseCode,
  ConnectionStatus,
  RequestError,
  WebSocketService
};
