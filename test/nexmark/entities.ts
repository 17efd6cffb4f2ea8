/**
 * Persons, auctions and bids as JSON objects of Nexmark's fields, all ASCII; their times stand beside them,
 * in the event. Texts have the original's average sizes.
 */

import { integerBelow, oneOf, type Random } from "../../src/simulate/random.ts";
import { auctionId, drawAuction, drawBidder, drawSeller, personId } from "./ids.ts";

const CATEGORIES = 5;
const FIRST_CATEGORY = 10;

const STATES = "AZ,CA,ID,OR,WA,WY".split(",");
const CITIES = "Phoenix,Los Angeles,San Francisco,Boise,Portland,Bend,Redmond,Seattle,Kent,Cheyenne".split(
  ",",
);
const FIRST_NAMES = "Peter,Paul,Luke,John,Saul,Vicky,Kate,Julie,Sarah,Deiter,Walter".split(",");
const LAST_NAMES = "Shultz,Abrams,Spencer,White,Bartels,Walton,Smith,Jones,Noris".split(",");

const HOT_CHANNELS = ["Google", "Facebook", "Baidu", "Apple"];
const HOT_CHANNEL_SHARE = 1 / 2;
const CHANNELS = 10_000;
const CHANNEL_ID_SHARE = 9 / 10;

/** What an object has on average beside its numbers and short texts, in characters. */
const PERSON_EXTRA = 125;
const AUCTION_EXTRA = 385;
const BID_EXTRA = 68;
/** An extra text is so much longer or shorter than the average at most. */
const EXTRA_SPREAD = 0.2;

/** Extra texts and names are cut out of one long text: the generator must be faster than what it feeds. */
const POOL_CHARACTERS = 2 ** 18;

export interface Entities {
  person(event: number): string;
  /** `expires` as the text of a time. */
  auction(event: number, expires: string): string;
  bid(event: number): string;
}

export function createEntities(random: Random): Entities {
  const letters = pool(random, "abcdefghijklmnopqrstuvwxyz");
  const words = pool(random, "abcdefghijklmnopqrstuvwxyz  ");
  const cut = (text: string, length: number): string => {
    const start = integerBelow(random, text.length - length);
    return text.slice(start, start + length);
  };
  /** Ends are trimmed, so it may be shorter. */
  const phrase = (max: number): string => cut(words, 3 + integerBelow(random, max - 3)).trim();
  const extra = (average: number): string => {
    const spread = Math.round(average * EXTRA_SPREAD);
    return cut(letters, average - spread + integerBelow(random, 2 * spread + 1));
  };
  const name = (max: number): string => cut(letters, 3 + integerBelow(random, max - 3));
  const url = (): string => `https://www.nexmark.com/${name(5)}/${name(5)}/${name(5)}/item.htm?query=1`;
  const price = (): number => Math.round(10 ** (random.share() * 6) * 100);
  const fourDigits = (): string => String(integerBelow(random, 10_000)).padStart(4, "0");
  const channelText = (channel: string, link: string): string => `"channel":"${channel}","url":"${link}"`;

  const hotChannels = HOT_CHANNELS.map((channel) => channelText(channel, url()));
  const channels = Array.from({ length: CHANNELS }, (_, index) => {
    const link = url();
    const isNamed = random.share() < CHANNEL_ID_SHARE;
    return channelText(`channel-${index}`, isNamed ? `${link}&channel_id=${scattered(index)}` : link);
  });

  return {
    person(event) {
      const card = [fourDigits(), fourDigits(), fourDigits(), fourDigits()].join(" ");
      const who = `"name":"${oneOf(random, FIRST_NAMES)} ${oneOf(random, LAST_NAMES)}"`;
      const mail = `"emailAddress":"${name(7)}@${name(5)}.com","creditCard":"${card}"`;
      const where = `"city":"${oneOf(random, CITIES)}","state":"${oneOf(random, STATES)}"`;
      return `{"id":${personId(event)},${who},${mail},${where},"extra":"${extra(PERSON_EXTRA)}"}`;
    },
    auction(event, expires) {
      const initialBid = price();
      const item = `"itemName":"${phrase(20)}","description":"${phrase(100)}"`;
      const prices = `"initialBid":${initialBid},"reserve":${initialBid + price()},"expires":"${expires}"`;
      const seller = `"seller":${drawSeller(event, random)}`;
      const category = `"category":${FIRST_CATEGORY + integerBelow(random, CATEGORIES)}`;
      const rest = `${seller},${category},"extra":"${extra(AUCTION_EXTRA)}"`;
      return `{"id":${auctionId(event)},${item},${prices},${rest}}`;
    },
    bid(event) {
      const bidder = `"auction":${drawAuction(event, random)},"bidder":${drawBidder(event, random)}`;
      const channel = oneOf(random, random.share() < HOT_CHANNEL_SHARE ? hotChannels : channels);
      return `{${bidder},"price":${price()},${channel},"extra":"${extra(BID_EXTRA)}"}`;
    },
  };
}

function pool(random: Random, alphabet: string): string {
  return Array.from({ length: POOL_CHARACTERS }, () =>
    alphabet.charAt(integerBelow(random, alphabet.length)),
  ).join("");
}

/** Another 31-bit number for each index. */
function scattered(index: number): number {
  return Math.imul(index + 1, 0x9e3779b1) >>> 1;
}
