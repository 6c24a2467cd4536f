import type { Texts } from './en';
import { PAGE_ZH } from './page-zh';

/** 演示用的中文。 */
export const ZH: Texts = {
  stage: '布景',
  expect: '预期',
  inTheEnd: '对账：两个数据库怎么说',
  kept: '全部符合承诺。',
  broken: '有不符合承诺的地方：找 ✗。',
  page: (url) => `在浏览器里看：${url}`,
  serving: (user, order, page) =>
    `两个服务继续运行：${user}/docs 和 ${order}/docs；每条消息的两半：${user}/outbox/。\n有故障按钮的页面：${page}。按 Ctrl-C 结束。`,
  legend:
    '每一步右边 │ 之后：user-service 的 outbox_delivery（状态、次数、结果）→ order-service 的收件箱 inbox_message',
  pressEnter: '按回车继续',
  skipped: '跳过：这一段要弄断 order-service 与 MQ 之间的连接，不对 TLS 连接动手',

  stock: (sku, pieces) => `PUT /stock/${sku} → ${pieces} 件`,
  user: (name, balance) => `POST /users → ${name} 有 ${balance} 元`,
  balance: (balance) => `GET /users/… → ${balance} 元`,
  left: (pieces) => `GET /stock/… → 还剩 ${pieces} 件`,
  buy: (quantity, amount, status, result) =>
    `POST /purchases：${quantity} 件共 ${amount} 元 → ${status} ${result ?? ''}`,
  settled: (status, waited) => `GET /purchases/… → ${status}（${waited} 毫秒后）`,
  killed: 'order-service：SIGKILL',
  restarted: 'order-service：重新启动',
  muted: 'order-service 的线路：从现在起它说的话都被吞掉',
  ordered: 'GET /orders/… → 订单已经有了',
  cut: '线路断开；新的连接是好的',

  chapters: {
    completes: {
      title: '成交',
      expectation: '扣款和消息一起提交；order-service 接受；购买完成',
      pending: '立刻答应，订单稍后就来',
      completed: (order) => `完成，订单 ${order}`,
      paidOnce: '只付了一次钱',
    },
    refused: {
      title: '余额不足，拒绝',
      expectation: '409，什么都不记：没有扣款，没有消息',
      refused: '拒绝了',
      nothing: '一分钱没扣',
    },
    refunded: {
      title: '没有库存，退款',
      expectation: 'order-service 给出最终结果"拒绝"；补偿把钱退回来，恰好一次',
      refunded: (reason) => `已退款：${reason}`,
      back: '钱全部退回来了',
    },
    killed: {
      title: '大白天 order-service 被杀',
      expectation: '照样接单；order-service 恢复之后自己完成',
      accepted: '没有 order-service 也接了单',
      completed: '完成了，谁也没插手',
      paidOnce: '只付了一次钱',
    },
    receiptLost: {
      title: '回执丢失',
      expectation: '订单有了，user-service 不知道；消息再来一次，收件箱照旧回答，什么都不会做两遍',
      unknown: '订单已经有了，购买还是 pending：没人告诉它',
      completed: '完成：副本按第一次的结果得到了答复',
      soldOnce: '付了一次钱，卖了一次货',
    },
    comesTwice: {
      title: 'order-service 死在提交之后、答复之前：消息来了两次',
      expectation: '第二份在收件箱里找到那一行，消费逻辑不再执行',
      committed: '订单已提交，进程已死',
      completed: '完成',
      soldOnce: '付了一次钱，卖了一次货',
    },
    sentTwice: {
      title: '客户端把同一笔购买发了两遍',
      expectation: 'Idempotency-Key 相同就是同一笔购买：一次扣款，一张订单',
      same: '第二次的答复就是第一笔购买',
      completed: '完成',
      paidOnce: '只付了一次钱',
    },
  },

  invariants: {
    money: '钱一分不差',
    moneyFound: (deposited, left, paid) => `存入 ${deposited}，剩余 ${left}，购买 ${paid}`,
    message: '每笔购买都有消息，被拒绝的什么都没留下',
    messageFound: (purchases, messages) => `${purchases} 笔购买，${messages} 条消息`,
    order: '每笔完成的购买都有订单，除此之外没有订单',
    orderFound: (purchases, orders) => `${purchases} 笔完成，${orders} 张订单`,
    orderSoFar: '每笔完成的购买都有订单，退了款的没有订单',
    open: '没有未完成的投递，每条的结局与它的购买一致',
    ended: '已有结局的投递，每条的结局与它的购买一致',
  },

  onPage: PAGE_ZH,
};
