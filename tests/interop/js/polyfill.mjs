// Promise.withResolvers for Node 20, which js-libp2p expects of Node 22. Load it with `node --import`.
Promise.withResolvers ??= function () {
  let resolve, reject
  const promise = new this((a, b) => { [resolve, reject] = [a, b] })
  return { promise, resolve, reject }
}
