import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as groups from '../../../infra/program/settings.js'
import {
  apiSettings,
  BadSettings,
  everySetting,
  readSettings,
  s3Settings,
  telemetrySettings,
} from '../../../infra/program/settings.js'
import { settingMeantBy, settingWarnings } from '../../../infra/program/setting-warnings.js'

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
    METRICS_PORT: 9464,
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
  assert.deepEqual(names.toSorted(), Object.keys(everySetting).toSorted(), 'npm start checks them all')
})

test('a message never has a secret, nor a password in an address, nor more than a line of a value', () => {
  const secret = 'k9-secret'
  const wrong = { S3_SECRET_KEY: secret, S3_ENDPOINT: `ftp://me:${secret}@s3.lan`, API_PORT: `8\n${'9'.repeat(500)}` }
  // No key is refused by its looks today: here one is.
  const strict = { ...s3Settings, S3_SECRET_KEY: s3Settings.S3_SECRET_KEY.max(3), ...apiSettings }
  assert.throws(
    () => readSettings(wrong, strict),
    ({ message }: Error) => {
      assert.doesNotMatch(message, new RegExp(secret))
      assert.match(message, /S3_SECRET_KEY=\(set, not shown\)/)
      assert.equal(message.split('\n').length, 5)
      assert.ok(message.split('\n').every((line) => line.length < 250))
      return true
    },
  )
})

test('a name that is nearly one of ours is told, and none that others have in a shell', () => {
  const meant = { RANK: 'RANKS', ranks: 'RANKS', LOGLEVEL: 'LOG_LEVEL', MAX_UPLOAD: 'MAX_UPLOADS', DEVCIE: 'DEVICE' }
  const keys = { S3_ACCES_KEY: 'S3_ACCESS_KEY', S3_ACCESS_KEY_ID: 'S3_ACCESS_KEY', TEMPORAL_ADRESS: 'TEMPORAL_ADDRESS' }
  for (const [name, setting] of Object.entries({ ...meant, ...keys })) assert.equal(settingMeantBy(name), setting, name)
  const ofOthers = [
    ...['PATH', 'HOME', 'HOST', 'HOSTNAME', 'LOGNAME', 'PORT', 'SHELL', 'TERM', 'LANG', 'PAGER', 'EDITOR', 'DISPLAY'],
    ...['NODE', 'NODE_ENV', 'NODE_OPTIONS', 'NODE_PATH', 'NODE_HOME', 'INIT_CWD', 'npm_config_registry', 'SERVICE'],
    ...[
      'DB_PORT',
      'RUNNER_OS',
      'RUNNER_TEMP',
      'RUNNER_ARCH',
      'AWS_REGION',
      'AWS_ACCESS_KEY_ID',
      'API_KEY',
      'DEVICES_DIR',
    ],
    ...['WORLD_SIZE', 'LOCAL_RANK', 'MASTER_PORT', 'KUBERNETES_PORT', 'TEMPORAL_API_KEY', 'CUDA_VISIBLE_DEVICES'],
  ]
  for (const name of ofOthers) assert.equal(settingMeantBy(name), undefined, name)
  for (const name of Object.keys(everySetting)) assert.equal(settingMeantBy(name), undefined, name)
})

test('a setting that the engine does not read is told, and an empty variable is not', () => {
  assert.deepEqual(settingWarnings({ RANK: '', DEVICE: '', MODEL_DIR: '', ENGINE: '' }), [])
  assert.deepEqual(settingWarnings({ DEVICE: 'auto', ENGINE: 'demo' }), [])
  assert.deepEqual(settingWarnings({ DEVICE: 'hpu', MODEL_DIR: '/hf', ENGINE: 'infinitetalk' }), [])
  const [device, folder, ...others] = settingWarnings({ DEVICE: 'hpu', MODEL_DIR: '/hf' })
  assert.match(device ?? '', /DEVICE=hpu has no effect/)
  assert.match(folder ?? '', /MODEL_DIR=\/hf has no effect/)
  assert.deepEqual(others, [])
})

test('a public endpoint that nobody is sent to is told', () => {
  const told = (env: NodeJS.ProcessEnv) => settingWarnings({ S3_PUBLIC_ENDPOINT: 'https://s3.example.com', ...env })
  assert.match(
    told({}).join(),
    /S3_PUBLIC_ENDPOINT=https:\/\/s3\.example\.com has no effect without CONTENT_REDIRECT=true/,
  )
  assert.deepEqual(told({ CONTENT_REDIRECT: 'true' }), [])
})
