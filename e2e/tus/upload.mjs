// Uploads a file with tus-js-client and prints where it is: URL FILE TOKEN PARALLEL CHUNK [later]
import { createReadStream } from 'node:fs'
import { PassThrough } from 'node:stream'
import { createRequire } from 'node:module'

const require = createRequire(new URL('../../target/tools/tus/package.json', import.meta.url))
const tus = require('tus-js-client')

const [url, file, token, parallel, chunk, later] = process.argv.slice(2)
const chunkSize = Number(chunk) || Infinity
await new Promise((done, failed) => {
  // Of a stream that is no file, nobody knows the length before its end.
  const stream = createReadStream(file)
  const input = later === 'later' ? stream.pipe(new PassThrough()) : stream
  const upload = new tus.Upload(input, {
    endpoint: url,
    headers: { Authorization: `Bearer ${token}` },
    metadata: { title: `parallel ${parallel}, bodies of ${chunk}`, filename: 'clip.mp4' },
    parallelUploads: Number(parallel),
    chunkSize,
    ...(later === 'later' ? { uploadLengthDeferred: true } : {}),
    retryDelays: [0, 500, 1000, 2000],
    onError: failed,
    onSuccess: () => {
      console.log(upload.url)
      done()
    },
  })
  upload.start()
})
