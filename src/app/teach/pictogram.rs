//! A drawn face for each of the seven expressions: what to do, at a glance.

use eframe::egui::{Color32, Painter, Pos2, Rect, Shape, Stroke, pos2};
use moue_model::Expression;

/// How a drawn face differs from expression to expression, in shares of its radius.
struct Face {
    /// The brows' inner and outer ends above their rest; positive is up.
    brows: [f32; 2],
    /// Half the eyes' height.
    eyes: f32,
    /// How far the corners of the mouth lie above its middle.
    corners: f32,
    /// Half the mouth's height.
    open: f32,
    /// Half the mouth's width.
    width: f32,
    /// Lines beside the nose.
    wrinkled: bool,
}

fn of(expression: Expression) -> Face {
    let face = Face { brows: [0.0; 2], eyes: 0.07, corners: 0.0, open: 0.0, width: 0.34, wrinkled: false };
    match expression {
        Expression::Angry => Face { brows: [-0.16, 0.08], eyes: 0.05, corners: -0.05, width: 0.26, ..face },
        Expression::Disgust => {
            Face { brows: [-0.08, 0.0], eyes: 0.035, corners: -0.12, wrinkled: true, width: 0.3, ..face }
        }
        Expression::Fear => {
            Face { brows: [0.14, 0.02], eyes: 0.11, corners: -0.06, open: 0.09, width: 0.3, ..face }
        }
        Expression::Happy => Face { eyes: 0.06, corners: 0.22, width: 0.42, ..face },
        Expression::Neutral => face,
        Expression::Sad => Face { brows: [0.1, -0.08], eyes: 0.05, corners: -0.18, width: 0.3, ..face },
        Expression::Surprise => Face { brows: [0.16, 0.14], eyes: 0.12, open: 0.2, width: 0.17, ..face },
    }
}

/// Draws the face into `rect`.
pub(super) fn draw(painter: &Painter, rect: Rect, expression: Expression, colour: Color32) {
    let face = of(expression);
    let radius = rect.width().min(rect.height()) / 2.0;
    let middle = rect.center();
    let stroke = Stroke::new((radius * 0.07).max(1.5), colour);
    let at = |x: f32, y: f32| pos2(middle.x + x * radius, middle.y - y * radius);
    painter.circle_stroke(middle, radius * 0.95, stroke);
    for side in [-1.0, 1.0] {
        let eye = at(side * 0.34, 0.2);
        painter.add(Shape::ellipse_filled(
            eye,
            eframe::egui::vec2(radius * 0.07, radius * face.eyes),
            colour,
        ));
        let [inner, outer] = face.brows;
        painter.line_segment([at(side * 0.18, 0.42 + inner), at(side * 0.52, 0.42 + outer)], stroke);
        if face.wrinkled {
            painter.line_segment([at(side * 0.12, 0.08), at(side * 0.2, -0.06)], stroke);
        }
    }
    let mouth = -0.38;
    if face.open > 0.0 {
        let lip = |share: f32, side: f32| -> Pos2 {
            let arch = (1.0 - share * share).max(0.0).sqrt();
            at(share * face.width, mouth + face.corners * share * share + side * face.open * arch)
        };
        let points = (0..=24).map(|i| lip(i as f32 / 12.0 - 1.0, 1.0));
        let back = (0..=24).map(|i| lip(1.0 - i as f32 / 12.0, -1.0));
        painter.add(Shape::closed_line(points.chain(back).collect(), stroke));
    } else {
        let points = (0..=24).map(|i| {
            let share = i as f32 / 12.0 - 1.0;
            at(share * face.width, mouth - face.corners * 0.5 + face.corners * share * share)
        });
        painter.add(Shape::line(points.collect(), stroke));
    }
}
