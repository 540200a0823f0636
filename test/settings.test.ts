import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as groups from '../infra/settings.js'
import { apiSettings, BadSettings, readSettings, s3Settings, telemetrySettings } from '../infra/settings.js'

const keys = { S3_ACCESS_KEY: 'key', S3_SECRET_KEY: 'secret' }

test('what is not set has its default, and numbers are numbers', () => {
  const settings = readSettings(keys, { ...s3Settings, ...apiSettings })
  assert.equal(settings.S3_BUCKET, 'text2video')
  assert.equal(settings.API_PORT, 9389)
  assert.equal(readSettings({ API_PORT: '80' }, apiSettings).API_PORT, 80)
})

test('an empty variable is one that is not set', () => {
  assert.equal(readSettings({ ...keys, S3_BUCKET: '' }, s3Settings).S3_BUCKET, 'text2video')
  assert.throws(() => readSettings({ ...keys, S3_ACCESS_KEY: '' }, s3Settings), /S3_ACCESS_KEY=\(not set\)/)
})

test('all mistakes are told at once, each with its value, its meaning and an example', () => {
  const wrong = { S3_ENDPOINT: 'minio:9000', API_PORT: 'http', MAX_UPLOADS: '0' }
  assert.throws(
    () => readSettings(wrong, { ...s3Settings, ...apiSettings }),
    (error: unknown) => {
      assert.ok(error instanceof BadSettings)
      const lines = error.message.split('\n').slice(1)
      assert.deepEqual(lines.map((line) => line.trim().split('=')[0]).sort(), [
        'API_PORT',
        'MAX_UPLOADS',
        'S3_ACCESS_KEY',
        'S3_ENDPOINT',
        'S3_SECRET_KEY',
      ])
      assert.match(error.message, /S3_ENDPOINT=minio:9000: .*S3-compatible server; e\.g\. http:\/\/127\.0\.0\.1:9000/)
      return true
    },
  )
})

test('lists are separated by commas, and each item is checked', () => {
  const lists = { ALLOWED_HOSTS: 'video.example.com:8443, .example.com,*', TRUSTED_PROXIES: '10.0.0.0/8, fd00::1' }
  const read = readSettings(lists, apiSettings)
  assert.deepEqual(read.ALLOWED_HOSTS, ['video.example.com:8443', '.example.com', '*'])
  assert.deepEqual(read.TRUSTED_PROXIES, ['10.0.0.0/8', 'fd00::1'])
  assert.equal(readSettings({}, apiSettings).ALLOWED_HOSTS, undefined)
  for (const wrong of ['http://a', 'a b', 'a/b', '*.a', 'a:port']) {
    assert.throws(() => readSettings({ ALLOWED_HOSTS: `a, ${wrong}` }, apiSettings), /ALLOWED_HOSTS=a, .*must be names/)
  }
  for (const wrong of ['proxy', '10.0.0', '10.0.0.0/33', '::/129', '10.0.0.1/', '10.0.0.1/8/8', '10.0.0.1:80']) {
    assert.throws(() => readSettings({ TRUSTED_PROXIES: wrong }, apiSettings), /TRUSTED_PROXIES=.*must be IP addresses/)
  }
})

test('variables of other programs do not matter', () => {
  assert.deepEqual(readSettings({ API_PORT: 'http', HOME: '/root' }, telemetrySettings), {
    LOG_LEVEL: 'info',
    METRICS_PORT: 0,
  })
})

test('no variable belongs to two groups', () => {
  const names = Object.entries(groups).flatMap(([group, shape]) =>
    group.endsWith('Settings') && typeof shape === 'object' ? Object.keys(shape) : [],
  )
  assert.deepEqual(
    names.filter((name, index) => names.indexOf(name) !== index),
    [],
  )
})
