import test from 'ava'
import { boundInput, boundOutput, estimateReceived, receive } from '../../../lib/domain/estimate-tokens.ts'

test('the estimate of a prompt is a quarter of its characters, and an image in it counts as an image', t => {
  t.deepEqual(boundInput('x'.repeat(400), {}), { expected: 100, most: 100 })
  const image = JSON.stringify({ url: `data:image/png;base64,${'A'.repeat(1_000_000)}` })
  t.true(boundInput(image, {}).most < 1_700)
  t.true(boundInput(image + image, {}).most > 3_200)
  t.is(boundInput('";base64,never closed', {}).most, 6)
})

// tokens as OpenAI's cl100k_base counts them, which takes more for other scripts than newer tokenizers do
const texts: ReadonlyArray<readonly [script: string, text: string, tokens: number]> = [
  ['Chinese', '今天天气很好，我们决定去公园散步，然后在附近的餐厅吃午饭。人工智能正在改变我们的生活方式和工作方式。', 58],
  ['Japanese', '今日はとても良い天気なので、公園を散歩してから近くのレストランで昼食を食べることにしました。人工知能は私たちの生活を変えています。', 66],
  ['Korean', '오늘은 날씨가 매우 좋아서 공원을 산책한 다음 근처 식당에서 점심을 먹기로 했습니다. 인공지능은 우리의 생활 방식을 바꾸고 있습니다.', 76],
  ['Russian', 'Сегодня очень хорошая погода, поэтому мы решили прогуляться по парку, а затем пообедать в ближайшем ресторане.', 55],
  ['Arabic', 'الطقس جميل جدا اليوم، لذلك قررنا أن نتمشى في الحديقة ثم نتناول الغداء في مطعم قريب.', 59],
  ['Hindi', 'आज मौसम बहुत अच्छा है, इसलिए हमने पार्क में टहलने और फिर पास के रेस्तरां में दोपहर का भोजन करने का फैसला किया।', 106],
  ['French', 'Aujourd\'hui, le temps est très agréable, alors nous avons décidé de nous promener dans le parc, là où les élèves étudient.', 37],
  ['Hebrew', 'מזג האוויר היום טוב מאוד, ולכן החלטנו לטייל בפארק ואז לאכול צהריים במסעדה קרובה.', 85],
  ['Georgian', 'დღეს ძალიან კარგი ამინდია, ამიტომ გადავწყვიტეთ პარკში გასეირნება და შემდეგ სადილი ახლომდებარე რესტორანში.', 198]
]
for (const [script, text, tokens] of texts) {
  test(`money for a chat in ${script} is reserved for no less than it takes, and for limits it counts about as much`, t => {
    const { expected, most } = boundInput(JSON.stringify({ model: 'm', messages: [{ role: 'user', content: text.repeat(20) }] }), {})
    const takes = tokens * 20
    t.true(most >= takes && most <= takes * 3, `${most} of ${takes}`)
    t.true(expected > takes / 3 && expected < takes * 1.2, `${expected} of ${takes}`)
  })
}

test('a prompt of token ids is estimated at no less than their number, whatever their length', t => {
  for (const ids of [Array.from({ length: 4_000 }, (_, index) => index % 10), Array.from({ length: 400 }, () => [1, 2, 3, 4, 5, 6, 7, 8, 9, 0])]) {
    for (const field of ['prompt', 'input']) {
      const body = { model: 'm', [field]: ids }
      t.deepEqual(boundInput(JSON.stringify(body), body), { expected: 4_000, most: 4_000 }, field)
    }
  }
  const texts = { input: ['a', 'b'] }
  t.is(boundInput(JSON.stringify(texts), texts).most, Math.ceil(JSON.stringify(texts).length / 4))
})

test('the output of completions is bounded by all that are made for every prompt, and not only by those that come back', t => {
  const most = (body: object): number => boundOutput('/v1/completions', { max_tokens: 10, ...body }, null).most
  t.is(most({ prompt: 'a', best_of: 5 }), 50)
  t.is(most({ prompt: 'a', best_of: 5, n: 2 }), 50)
  t.is(most({ prompt: ['a', 'b', 'c'], n: 2 }), 60)
  t.is(most({ prompt: [[1, 2], [3]], best_of: 2 }), 40)
  t.is(most({ prompt: [1, 2, 3] }), 10)
  t.is(most({ prompt: [] }), 10)
})

test('the output of a request is bounded by what it asks, then by the model, for every answer it wants', t => {
  t.deepEqual(boundOutput('/v1/chat/completions', { max_tokens: 10, n: 3 }, 500), { expected: 30, most: 30 })
  t.deepEqual(boundOutput('/v1/chat/completions', { max_completion_tokens: 5_000 }, null), { expected: 1_024, most: 5_000 })
  t.deepEqual(boundOutput('/v1/chat/completions', {}, 300), { expected: 300, most: 300 })
  t.deepEqual(boundOutput('/v1/chat/completions', { max_tokens: -1, n: Infinity }, null), { expected: 1_024, most: 8_192 })
  for (const endpoint of ['/v1/embeddings', '/v1/moderations']) t.deepEqual(boundOutput(endpoint, {}, 300), { expected: 0, most: 0 })
})

test('a cut stream is estimated by its events, and by its text where events carry more than a token', t => {
  const received = { events: 0, characters: 0, least: Infinity }
  t.is(estimateReceived(received), 0)
  for (const text of ['ab', 'abcd', 'ab']) receive(received, `{"frame":"${text}"}`)
  t.is(estimateReceived(received), 3)
  receive(received, `{"frame":"${'x'.repeat(402)}"}`)
  t.is(estimateReceived(received), 101)
})
