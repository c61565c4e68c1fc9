//! Content codings (RFC 9110 section 8.4.1), honest and as bombs.

use async_compression::Level;
use async_compression::brotli::EncoderParams;
use async_compression::tokio::write::{BrotliEncoder, DeflateEncoder, GzipEncoder, ZlibEncoder, ZstdEncoder};
use futures::executor::block_on;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};

/// `body` in a coding: `gzip`, `deflate`, `raw deflate`, `br` or `zstd`.
pub fn coded(coding: &str, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    match coding {
        "gzip" => write(GzipEncoder::new(&mut out), body),
        "deflate" => write(ZlibEncoder::new(&mut out), body),
        "raw deflate" => write(DeflateEncoder::new(&mut out), body),
        "br" => write(BrotliEncoder::with_quality(&mut out, Level::Fastest), body),
        "zstd" => write(ZstdEncoder::new(&mut out), body),
        other => panic!("no coding {other}"),
    }
    out
}

fn write(mut encoder: impl AsyncWrite + Unpin, body: &[u8]) {
    block_on(async {
        encoder.write_all(body).await.unwrap();
        encoder.shutdown().await.unwrap();
    });
}

/// A coded body that never ends: a beginning, and a part to send again and again. Few bytes become very many, all of
/// them zero, and the decoder has to remember as much as the coding allows.
pub struct Bomb {
    pub beginning: Vec<u8>,
    pub part: Vec<u8>,
}

/// What one part of a bomb becomes.
const PART: usize = 1 << 20;

impl Bomb {
    pub fn new(coding: &str) -> Self {
        match coding {
            // Members may follow on each other without end.
            "gzip" => Bomb { beginning: Vec::new(), part: coded("gzip", &vec![0; PART]) },
            "deflate" => Bomb::flushed(|out| Box::new(ZlibEncoder::new(out))),
            "br" => Bomb::flushed(|out| {
                let params = EncoderParams::default().quality(Level::Fastest).window_size(24);
                Box::new(BrotliEncoder::with_params(out, params))
            }),
            "zstd" => {
                // RFC 8878: a frame of unknown length with a window of 8 MiB, and blocks of one byte 128 Ki times.
                let size: u32 = 128 << 10;
                let block = [&(size << 3 | 1 << 1).to_le_bytes()[..3], &[0]].concat();
                Bomb { beginning: vec![0x28, 0xb5, 0x2f, 0xfd, 0, 13 << 3], part: block.repeat(PART / size as usize) }
            }
            other => panic!("no coding {other}"),
        }
    }

    /// What an encoder says to zeros when it is flushed, and what it adds for as many more: then it is where it was.
    fn flushed(encoder: impl Fn(&mut Vec<u8>) -> Box<dyn AsyncWrite + Unpin + '_>) -> Self {
        let said = |parts| {
            let mut out = Vec::new();
            let mut encoder = encoder(&mut out);
            block_on(async {
                for _ in 0..parts {
                    encoder.write_all(&vec![0; PART]).await.unwrap();
                    encoder.flush().await.unwrap();
                }
            });
            drop(encoder);
            out
        };
        let (beginning, both) = (said(1), said(2));
        Bomb { part: both[beginning.len()..].to_vec(), beginning }
    }

    /// The beginning and so many parts.
    pub fn cut(&self, parts: usize) -> Vec<u8> {
        [&self.beginning[..], &self.part.repeat(parts)].concat()
    }
}
