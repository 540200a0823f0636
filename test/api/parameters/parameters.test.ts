import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { type ParameterName, type Parameters, parametersSchema } from '../../../api/parameters/parameters.js'
import { nearestName, partOf } from '../../../api/intake/part-names.js'
import { Problem } from '../../../api/http/problems.js'
import { readParameters, ruleOf } from '../../../api/parameters/read-parameters.js'
import { sizeOf } from '../../../api/acceptance/receive-order.js'
import { publishedNegativePrompt } from '../../../workflows/parameters.js'

const read = (given: Record<string, string>) =>
  readParameters(new Map(Object.entries(given)) as Map<ParameterName, string>)

function refusal(given: Record<string, string>): Problem {
  try {
    read(given)
  } catch (error) {
    assert.ok(error instanceof Problem)
    return error
  }
  throw new assert.AssertionError({ message: `${JSON.stringify(given)} was accepted` })
}

test('the defaults are those of the contract', () => {
  const contract: Partial<Parameters> = {
    prompt: '',
    audio_guide_scale: 5,
    audio_type: 'add',
    fps: 24,
    shift: 5,
    steps: 50,
    seed: 42,
    guide_scale: 5,
    logo_video: false,
    seconds: 20,
    negative_prompt: publishedNegativePrompt,
    preset: 'quality',
  }
  for (const [name, value] of Object.entries(contract)) assert.equal(read({})[name as ParameterName], value, name)
})

test('a preset sets what was not given, and nothing that was', () => {
  const values = ({ steps, guide_scale, audio_guide_scale, shift }: Parameters) => [
    steps,
    guide_scale,
    audio_guide_scale,
    shift,
  ]
  assert.deepEqual(values(read({ preset: 'quality' })), [50, 5, 5, 5])
  assert.deepEqual(values(read({ preset: 'fast' })), [8, 1, 2, 2])
  assert.deepEqual(values(read({ preset: 'turbo' })), [4, 1, 2, 5])
  assert.deepEqual(values(read({ preset: 'turbo', steps: '6', shift: ' ', guide_scale: '5' })), [6, 5, 2, 5])
})

test('numbers and truth values are read however a form may spell them, and nothing else is', () => {
  const spellings: [ParameterName, string[], string[]][] = [
    ['steps', ['1', '100', ' 7 ', '5e1', '10.0'], ['ten', '0x10', 'Infinity', 'NaN', '--1', '1_0']],
    ['guide_scale', ['.5', '+1', '1.'], ['1,5', '1e9999', '٣']],
    ['logo_video', ['true', 'False', 'TRUE', '0', '1'], ['yes', '2', 'on']],
  ]
  for (const [name, good, bad] of spellings) {
    for (const text of good) assert.doesNotThrow(() => read({ [name]: text }), `${name}=${text}`)
    for (const text of bad) {
      const problem = refusal({ [name]: text })
      assert.deepEqual([problem.param, problem.status], [name, 400])
      assert.ok(problem.message.includes(ruleOf(name)), problem.message)
    }
  }
})

test('a prompt comes through as it was sent, newlines and old separators too', () => {
  const prompt = 'first line\r\nsecond $###$ line\t…'
  assert.equal(read({ prompt }).prompt, prompt)
})

test('line ends and blanks around a value are no part of it, inside a prompt they are', () => {
  const scripted = {
    audio_type: 'para\r',
    preset: 'fast\r\n',
    size: '\t480p\r\n',
    logo_video: ' true\r',
    seed: '7\r',
    bbox: '\r\n',
  }
  const { audio_type, preset, size, logo_video, seed, bbox } = read(scripted)
  assert.deepEqual([audio_type, preset, size, logo_video, seed, bbox], ['para', 'fast', '480p', true, 7, undefined])
  assert.equal(read({ prompt: '\r\n a  woman\r\n\tspeaks \n' }).prompt, 'a  woman\r\n\tspeaks')
})

test('a size is read however it is written', () => {
  for (const size of ['832x480', '832*480', '832×480', ' 832 X 480\r\n']) assert.equal(read({ size }).size, '832x480')
  assert.equal(read({ size: '720P' }).size, '720p')
})

test('a parameter sent empty is one that was not given', () => {
  assert.equal(read({ steps: '', size: ' ', seed: '' }).steps, 50)
})

test('a rule reads as a sentence', () => {
  assert.equal(ruleOf('steps'), 'a whole number from 1 to 100')
  assert.equal(ruleOf('shift'), 'a number greater than 0, up to 20')
  assert.equal(ruleOf('seconds'), 'a number greater than 0')
  assert.equal(ruleOf('audio_type'), "'add' or 'para'")
  assert.match(refusal({ seconds: '0' }).message, /'seconds' must be a number greater than 0; it was "0"/)
})

test('any text at all is either read or refused as a Problem', () => {
  const names = Object.keys(parametersSchema.shape)
  fc.assert(
    fc.property(fc.constantFrom(...names), fc.string({ unit: 'binary', maxLength: 30 }), (name, text) => {
      try {
        read({ [name]: text })
      } catch (error) {
        assert.ok(error instanceof Problem)
      }
    }),
  )
})

test('a misspelt name is answered with the nearest known one', () => {
  const cases: [string, string | undefined][] = [
    ['stpes', 'steps'],
    ['num_inference_steps', 'steps'],
    ['width', 'size'],
    ['guidance_scale', 'guide_scale'],
    ['Steps', 'steps'],
    ['steps[]', 'steps'],
    ['input-reference', 'input_reference'],
    ['audios', 'audio'],
    ['guidance_scale', 'guide_scale'],
    ['promt', 'prompt'],
    ['zzzzzz', undefined],
  ]
  for (const [name, nearest] of cases) assert.equal(nearestName(name), nearest, name)
})

test('the name of a part decides what it is, and names of the language are nobody', () => {
  for (const name of ['audio', 'audio[]', 'audio[0]', 'audio[12]']) assert.deepEqual(partOf(name), { kind: 'voice' })
  for (const name of ['user', 'metadata', 'metadata[a]']) assert.deepEqual(partOf(name), { kind: 'ignored' })
  for (const name of ['__proto__', 'constructor', 'toString', 'audio[x]', 'audio_', 'hasOwnProperty']) {
    assert.deepEqual(partOf(name), { kind: 'unknown' })
  }
})

test('a size is a bucket in the shape of the reference, or the one nearest to what was asked', () => {
  const portrait = { width: 480, height: 832 }
  assert.deepEqual(sizeOf(undefined, portrait), sizeOf('480p', portrait))
  assert.deepEqual(sizeOf('720p', { width: 1280, height: 704 }), { width: 1280, height: 704 })
  assert.deepEqual(sizeOf('1280x720', portrait), { width: 1280, height: 704 })
  for (const size of [sizeOf('16x9999', portrait), sizeOf('9999x16', portrait)]) {
    assert.equal(size.width % 64, 0)
    assert.equal(size.height % 64, 0)
  }
})
